// What JavaScript believes of the kernels' module is what its AssemblyScript says, and what was compiled.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { GEOMETRY } from "../../../src/engine/wasm/exports.js";
import type { Kernels } from "../../../src/engine/wasm/kernels.js";
import { loadKernels } from "../../support/kernels.js";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const written = readFileSync(resolve(root, "src/engine/wasm/exports.ts"), "utf8");

let kernels: Kernels;
before(async () => {
  kernels = await loadKernels();
});

/** What scripts/kernel-exports.js makes of AssemblyScript sources: of the project's, or of those given. */
function generated(sources?: Record<string, string>): string {
  const read = sources ? `(file) => (${JSON.stringify(sources)})[file]` : "";
  const script = `import { kernelExports } from "./scripts/kernel-exports.js";
    process.stdout.write(kernelExports(${read}));`;
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
  return execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: root,
    encoding: "utf8",
    stdio,
  });
}

test("exports.ts is what the AssemblyScript says (npm run build writes it)", () => {
  assert.equal(written, generated());
});

test("the compiled module has those functions, each with as many parameters", () => {
  const declared = [...written.matchAll(/^ {2}(\w+)\(([^)]*)\): \w+;$/gm)].map(
    ([, name, parameters]) => [name, [...parameters.matchAll(/\w+: /g)].length] as const,
  );
  const compiled = Object.entries(kernels.run).map(([name, run]) => [
    name,
    (run as { length: number }).length,
  ]);
  assert.deepEqual(compiled.sort(), declared.sort());
});

test("a changed signature or field changes exports.ts; what JavaScript cannot give is refused", () => {
  const sources = {
    "index.ts": 'export { double } from "./double";\n',
    "double.ts": "export function double(at: usize, really: bool): bool {\n",
    "geometry.ts": "export class Geometry {\n  depth: i32;\n}\n",
  };
  const text = generated(sources);
  assert.match(text, /^ {2}double\(at: number, really: boolean\): number;$/m);
  assert.match(text, /GEOMETRY = \[\n {2}"depth",\n\] as const/);
  assert.throws(() => generated({ ...sources, "double.ts": "" }), /exports double, which is no function/);
  const wide = { ...sources, "geometry.ts": "export class Geometry {\n  depth: f64;\n}\n" };
  assert.throws(() => generated(wide), /Geometry\.depth is f64/);
});

test("the struct holds its fields in order, as int32s, also where the memory grew meanwhile", async () => {
  const { tf } = await import("../../../src/engine/tf.js");
  const values = Object.fromEntries(GEOMETRY.map((field, i) => [field, 3 * i - 5])) as never;
  const address = kernels.geometry(values);
  const grown = tf.zeros([kernels.backend.wasm.HEAPU8.length / 4 + 1000]);
  assert.equal(kernels.geometry(values), address);
  const held = new Int32Array(kernels.backend.wasm.HEAPU8.buffer, address, GEOMETRY.length);
  assert.deepEqual(
    [...held],
    GEOMETRY.map((_, i) => 3 * i - 5),
  );
  grown.dispose();
});
