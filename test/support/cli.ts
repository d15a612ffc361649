// Runs the built command as a user does: a real launcher with real workers.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunSummary } from "../../src/core/summary.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const cli = join(root, "dist/launcher/cli.js");

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ddp-train ...args` to its end; a run over `seconds` is killed, and its test fails by its signal. */
export function ddpTrain(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  seconds = 120,
): Promise<Finished> {
  if (!existsSync(cli)) throw new Error(`${cli} is not built: run npm run build`);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], {
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: seconds * 1000,
      killSignal: "SIGKILL",
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

export function readSummary(logdir: string): RunSummary {
  return JSON.parse(readFileSync(join(logdir, "summary.json"), "utf8")) as RunSummary;
}
