// Writes src/engine/wasm/exports.ts, what JavaScript sees of the kernels, from their AssemblyScript: the functions'
// signatures and the fields of their struct are written by hand in one place only. Plain JavaScript, like build.js.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), "src/engine/wasm");
const LINE = 110;

/** Brings exports.ts up to date; it is written only when it changes. */
export function writeKernelExports() {
  const path = join(folder, "exports.ts");
  const text = kernelExports();
  if (readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}

/** The text of exports.ts. */
export function kernelExports(read = (file) => readFileSync(join(folder, "module", file), "utf8")) {
  const exported = [...read("index.ts").matchAll(/^export \{([^}]*)\} from "\.\/([\w-]+)";$/gm)];
  const methods = exported.flatMap(([, names, file]) => {
    const source = read(`${file}.ts`);
    return names
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => methodOf(name, source));
  });
  return `// Made by scripts/kernel-exports.js (npm run build) from module/*.ts: change those, not this file.

/** Fields of the struct that tells kernels the shapes of a convolution or pooling: int32s in this order. */
export const GEOMETRY = [
${fieldsOf(read("geometry.ts"), "Geometry")
  .map((field) => `  "${field}",\n`)
  .join("")}] as const;

/** The kernels. Addresses are in bytes, sizes in elements; what each does stands where it is written. */
export interface KernelExports {
${methods.join("")}}
`;
}

function fieldsOf(source, name) {
  const body = new RegExp(`^export class ${name} \\{\\n([^}]*)\\}`, "m").exec(source)[1];
  return [...body.matchAll(/^ {2}(\w+): (\w+);$/gm)].map(([, field, type]) => {
    if (type !== "i32") throw new Error(`${name}.${field} is ${type}: JavaScript writes int32s only`);
    return field;
  });
}

function methodOf(name, source) {
  const found = new RegExp(`^export function ${name}\\(([^)]*)\\): (\\w+) \\{$`, "m").exec(source);
  if (!found) throw new Error(`module/index.ts exports ${name}, which is no function there`);
  const parameters = [...found[1].matchAll(/(\w+): (\w+)/g)].map(
    ([, parameter, type]) => `${parameter}: ${type === "bool" ? "boolean" : "number"}`,
  );
  // WebAssembly takes a boolean for a number, but never gives one back.
  const result = found[2] === "void" ? "void" : "number";
  const line = `  ${name}(${parameters.join(", ")}): ${result};\n`;
  if (line.length <= LINE + 1) return line;
  return `  ${name}(\n${parameters.map((parameter) => `    ${parameter},\n`).join("")}  ): ${result};\n`;
}
