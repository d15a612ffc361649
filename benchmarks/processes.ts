// Runs a contestant as a program of its own, and watches from outside how much memory its processes take at most.
// A contestant that hangs is killed with all its processes, and none outlives the benchmark.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

export interface Finished {
  readonly stdout: string;
  /** From just before the program was started to its end. */
  readonly seconds: number;
  /** When it was started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** VmHWM in MB of each process that descends from the program, largest first; empty where there is no /proc. */
  readonly peaks: readonly number[];
}

/** VmHWM only grows, so what is missed is what a process adds in its last moments. */
const LOOK_EVERY_MS = 100;
const alive = new Set<number>();
process.once("exit", () => alive.forEach(killGroup));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** Runs a program to its end. @throws Error with its stderr when it fails or takes longer than `limitSeconds`. */
export function runProgram(
  command: string,
  args: readonly string[],
  { env = {}, limitSeconds = 900 }: { env?: NodeJS.ProcessEnv; limitSeconds?: number } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const startedAt = Date.now();
    const start = performance.now();
    // A process group of its own, so that all of it can be ended.
    const child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const pid = child.pid as number;
    if (pid !== undefined) alive.add(pid);
    const peaks = new Map<number, number>();
    const watch = setInterval(() => lookAtMemory(pid, peaks), LOOK_EVERY_MS);
    const limit = setTimeout(() => killGroup(pid), limitSeconds * 1000);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const settle = (code: number | string | null) => {
      clearInterval(watch);
      clearTimeout(limit);
      alive.delete(pid);
      const seconds = (performance.now() - start) / 1000;
      const largestFirst = [...peaks.values()].sort((a, b) => b - a);
      if (code === 0) resolve({ stdout, seconds, startedAt, peaks: largestFirst });
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code}\n${stderr.slice(-4000)}`));
    };
    child.on("error", (error) => settle(error.message));
    child.on("close", (code, signal) => settle(signal ?? code));
  });
}

/** A TCP port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

function lookAtMemory(pid: number, peaks: Map<number, number>): void {
  for (const child of childrenOf(pid)) {
    const kilobytes = /VmHWM:\s+(\d+) kB/.exec(read(`/proc/${child}/status`))?.[1];
    if (kilobytes !== undefined) peaks.set(child, (Number(kilobytes) * 1024) / 1e6);
    lookAtMemory(child, peaks);
  }
}

function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

/** The file's text; nothing once the process is gone, or where there is no /proc. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
