// One forked process: its messages, its output line by line, its end, and how to stop it. Knows nothing of training.
import { fork } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { FromWorker, ToWorker } from "../../core/protocol.js";

export interface ChildSpec {
  readonly entry: URL;
  readonly env: NodeJS.ProcessEnv;
  /** A function gets each line; `inherit` gives the child this process's own stdout, so that it knows a terminal. */
  readonly stdout: "inherit" | ((line: string) => void);
  readonly stderr: (line: string) => void;
  /** A file that the child inherits as {@link POSITION_FD}. */
  readonly positionFd?: number;
  readonly onMessage: (message: FromWorker) => void;
}

/** How a process ended: by `code`, by `signal`, or it never started (`error`). */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error: Error | null;
  /** When, in milliseconds of `performance.now()`. */
  readonly at: number;
}

export interface Child {
  readonly pid: number | undefined;
  /** Resolves when the process has ended and all that it wrote and sent has been read. Never rejects. */
  readonly ended: Promise<Ended>;
  /** Signals that this side has sent. */
  readonly signalled: ReadonlySet<NodeJS.Signals>;
  /** Sends a message; to a process that is gone, nothing happens: `ended` tells. */
  send(message: ToWorker): void;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended: by itself, or by SIGKILL after `grace` milliseconds. */
  stop(grace: number): Promise<void>;
}

/** Longest wait, in milliseconds, for the output of a process that has ended: a grandchild may hold the pipes. */
const DRAIN = 1000;

/** Starts a process. */
export function startChild(spec: ChildSpec): Child {
  const child = fork(spec.entry, [], {
    env: spec.env,
    // By number: the last is POSITION_FD.
    stdio: [
      "ignore",
      spec.stdout === "inherit" ? "inherit" : "pipe",
      "pipe",
      "ipc",
      spec.positionFd ?? "ignore",
    ],
  });
  if (spec.stdout !== "inherit") eachLine(child.stdout!, spec.stdout);
  eachLine(child.stderr!, spec.stderr);
  child.on("message", (message) => spec.onMessage(message as FromWorker));

  const signalled = new Set<NodeJS.Signals>();
  const signal = (name: NodeJS.Signals) => {
    signalled.add(name);
    child.kill(name);
  };
  const ended = new Promise<Ended>((resolve) => {
    child.on("error", (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, error, at: performance.now() });
    });
    child.once("exit", (code, killedBy) => {
      const end: Ended = { code, signal: killedBy, error: null, at: performance.now() };
      const giveUp = setTimeout(() => resolve(end), DRAIN);
      child.once("close", () => {
        clearTimeout(giveUp);
        resolve(end);
      });
    });
  });
  return {
    pid: child.pid,
    ended,
    signalled,
    signal,
    send: (message) => {
      if (child.connected) child.send(message, () => {});
    },
    stop: async (grace) => {
      const killer = setTimeout(() => signal("SIGKILL"), grace);
      await ended;
      clearTimeout(killer);
    },
  };
}

function eachLine(stream: Readable, take: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", take);
}
