// Who owns something on disk, a lock or a folder of sockets, so that another process can tell later whether that
// process is still there. Its number alone does not tell: numbers are used again.
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

export interface ProcessId {
  readonly pid: number;
  /** When it started, in clock ticks since boot; null where there is no /proc. */
  readonly started: number | null;
}

export interface Owner extends ProcessId {
  readonly host: string;
}

/** This process. */
export function thisOwner(): Owner {
  return { ...identify(process.pid), host: hostname() };
}

export function identify(pid: number): ProcessId {
  return { pid, started: statOf(pid)?.started ?? null };
}

/** Whether the process is there, itself and not a later one of that number. One that only waits to be reaped is not. */
export function isRunning({ pid, started }: ProcessId): boolean {
  const stat = statOf(pid);
  if (stat !== null) return !/[ZX]/.test(stat.state) && (started === null || started === stat.started);
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether the owner is known to be gone; of a process on another host nothing is known. */
export function isGone(owner: Owner): boolean {
  return owner.host === hostname() && !isRunning(owner);
}

/** The owner that a file tells, or null when it does not make sense. */
export function parseOwner(value: unknown): Owner | null {
  const id = parseProcess(value);
  const { host } = (value ?? {}) as { readonly host?: unknown };
  return id !== null && typeof host === "string" && /^[\w.-]{1,255}$/.test(host) ? { ...id, host } : null;
}

export function parseProcess(value: unknown): ProcessId | null {
  const { pid, started } = (value ?? {}) as { readonly pid?: unknown; readonly started?: unknown };
  const isPid = typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0 && pid < 2 ** 31;
  return isPid && (started === null || typeof started === "number") ? { pid, started } : null;
}

function statOf(pid: number): { readonly state: string; readonly started: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command's name in brackets and may hold anything; the start time is the 22nd.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], started: Number(fields[19]) };
  } catch {
    return null;
  }
}
