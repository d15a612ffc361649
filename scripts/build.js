// Compiles src to dist, and the wasm kernels to dist/engine/kernels.wasm. Plain JavaScript, because it runs in
// `prepare`, before anything is built.
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const run = (script, ...args) =>
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });

rmSync(join(root, "dist"), { recursive: true, force: true });
run(join(dirname(require.resolve("typescript/package.json")), "bin", "tsc"), "-p", root);
chmodSync(join(root, "dist/launcher/cli.js"), 0o755);
buildKernels();

/** No runtime and no memory of its own: the module works inside the tfjs backend's (src/engine/wasm/module). */
function buildKernels() {
  const compiler = join(dirname(require.resolve("assemblyscript/package.json")), "bin", "asc.js");
  const source = "src/engine/wasm/module/index.ts";
  const memory = ["--runtime", "stub", "--importMemory", "--noExportMemory"];
  run(compiler, source, "-o", "dist/engine/kernels.wasm", ...memory, "-O3", "--noAssert", "--enable", "simd");
}
