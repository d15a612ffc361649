// Python readers for files this project writes: the last word where they are installed, not needed elsewhere.
import { spawnSync } from "node:child_process";

const python = process.env.DDP_PYTHON || "python3";

/** False when `$DDP_PYTHON` (default python3) can import all the modules, else the reason to skip a test. */
export function skipWithoutPython(...modules: readonly string[]): string | false {
  const { status } = spawnSync(python, ["-c", `import ${modules.join(", ")}`], { timeout: 60_000 });
  return status === 0 ? false : `${python} has no ${modules.join(", ")}; set DDP_PYTHON to one that has`;
}

/** Runs a Python program that prints one JSON value, and returns the value. */
export function runPython(program: string, ...args: readonly string[]): unknown {
  const { status, stdout, stderr } = spawnSync(python, ["-c", program, ...args], {
    encoding: "utf8",
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`${python} failed: ${stderr}`);
  return JSON.parse(stdout);
}
