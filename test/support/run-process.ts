// A real run that can be watched and disturbed: the built command in a process group and a temporary folder of its
// own, so that everything it leaves behind can be found.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { root } from "./cli.js";

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** When the launcher ended, in milliseconds since 1970. */
  readonly at: number;
}

/** Milliseconds after which whatever still runs is killed: a run on the small data takes two seconds or three. */
const LONGEST = 90_000;

export class RunProcess {
  /** Resolves when the launcher has ended and its output is read. */
  readonly ended: Promise<Ended>;
  readonly #launcher: ChildProcess;
  readonly #temporary: string;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  /** Starts `ddp-train ...args`; `temporary` becomes its TMPDIR, by which its processes are known. */
  constructor(args: readonly string[], temporary: string, env: NodeJS.ProcessEnv = {}) {
    mkdirSync(temporary, { recursive: true });
    this.#temporary = temporary;
    const child = spawn(process.execPath, [join(root, "dist/launcher/cli.js"), ...args], {
      env: { ...process.env, NO_COLOR: "1", ...env, TMPDIR: temporary },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#launcher = child;
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      createInterface({ input: child[name]! }).on("line", (line) => {
        output[name] += `${line}\n`;
        this.#lines.push(line);
        for (const look of this.#waiting) look();
      });
    }
    const killer = setTimeout(() => this.killAll(), LONGEST);
    let at = 0;
    child.on("exit", () => {
      at = Date.now();
    });
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        clearTimeout(killer);
        this.#isOver = true;
        for (const look of this.#waiting) look();
        resolve({ code, signal, ...output, at });
      });
    });
  }

  /** Resolves with the first line of output that matches, or with the `count`-th. Rejects when the run ends before. */
  line(pattern: RegExp, count = 1): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.#lines.filter((line) => pattern.test(line))[count - 1];
        if (found === undefined && !this.#isOver) return;
        this.#waiting.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new Error(`the run ended without a line ${pattern}:\n${this.#lines.join("\n")}`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Sends a signal to the launcher alone. */
  signal(name: NodeJS.Signals): void {
    this.#launcher.kill(name);
  }

  /** SIGKILL for the launcher and its workers at once. */
  killAll(): void {
    try {
      process.kill(-this.#launcher.pid!, "SIGKILL");
    } catch {
      // All gone.
    }
  }

  /** Processes of the run that are there now. */
  processes(): number[] {
    return processesWith(`TMPDIR=${this.#temporary}`);
  }

  /** Resolves when no process of the run is left, or after `limit` milliseconds to those that are. */
  async gone(limit: number): Promise<number[]> {
    const deadline = Date.now() + limit;
    for (;;) {
      const left = this.processes();
      if (left.length === 0 || Date.now() > deadline) return left;
      await delay(20);
    }
  }

  /** Files and folders that the run has left in its temporary folder. */
  left(): string[] {
    return readdirSync(this.#temporary);
  }
}

/** Processes, but for those that only wait to be reaped, whose environment has this setting. */
function processesWith(setting: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
        return (
          variables.includes(setting) && !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
        );
      } catch {
        // Gone meanwhile, or another user's.
        return false;
      }
    })
    .map(Number);
}

/** Where processes can be found as these tests do it. */
export const withoutProc = existsSync("/proc/self/environ")
  ? false
  : "processes are found in /proc, which is not here";
