// Compiles src to dist, and its AssemblyScript to dist/engine/kernels.wasm and dist/allreduce/float16.wasm. Plain
// JavaScript, because it runs in `prepare`, before anything is built.
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeKernelExports } from "./kernel-exports.js";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const run = (script, ...args) =>
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });

writeKernelExports();
rmSync(join(root, "dist"), { recursive: true, force: true });
run(join(dirname(require.resolve("typescript/package.json")), "bin", "tsc"), "-p", root);
chmodSync(join(root, "dist/launcher/cli.js"), 0o755);
// Works inside the tfjs backend's memory, and has none of its own.
assemble("src/engine/wasm/module/index.ts", "dist/engine/kernels.wasm", "--importMemory", "--noExportMemory");
assemble("src/allreduce/formats/module/index.ts", "dist/allreduce/float16.wasm", "--initialMemory", "1");

/** No runtime: a module is functions on memory. */
function assemble(source, target, ...memory) {
  const compiler = join(dirname(require.resolve("assemblyscript/package.json")), "bin", "asc.js");
  run(
    compiler,
    source,
    "-o",
    target,
    "--runtime",
    "stub",
    ...memory,
    "-O3",
    "--noAssert",
    "--enable",
    "simd",
  );
}
