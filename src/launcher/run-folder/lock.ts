// The lock of a log folder: a file that says which process runs there, so that two never write to one folder. It is
// complete from its first moment. One whose process is gone is replaced by exactly one of those who find it so, and
// not before the workers of that process are gone too: they may be about to save.
import { constants, copyFileSync, linkSync, lstatSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { writeFileAtomic } from "../../core/atomic-file.js";
import { UsageError } from "../../core/errors.js";
import {
  identify,
  isGone,
  isRunning,
  type Owner,
  type ProcessId,
  parseOwner,
  parseProcess,
  thisOwner,
} from "./owner.js";

export interface Lock {
  /** The owner of the stale lock that was replaced, or null. */
  readonly replaced: Owner | null;
  /** Enters the workers, which a later run on the folder must not meet there. */
  setWorkers(pids: readonly number[]): void;
  release(): void;
}

interface Holder extends Owner {
  readonly workers: readonly ProcessId[];
  readonly text: string;
}

/** How long the workers of a launcher that was killed may take to end: 5 s are promised. */
const ORPHANS_GONE_WITHIN_MS = 10_000;
/** Bytes of a lock: enough for the 1024 workers that a run may have. */
const LARGEST = 2 ** 17;

/**
 * Takes the lock `path`, in a folder that exists.
 * @throws UsageError that names the process that has it, or the file to delete.
 */
export async function takeLock(path: string): Promise<Lock> {
  const deadline = performance.now() + ORPHANS_GONE_WITHIN_MS;
  for (;;) {
    const { holder, replaced } = tryLock(path);
    if (holder === null) return lockAt(path, replaced);
    const orphan = isGone(holder) && holder.workers.find(isRunning);
    if (!orphan || performance.now() > deadline) throw refusal(path, holder, orphan || null);
    await delay(50);
  }
}

function lockAt(path: string, replaced: Owner | null): Lock {
  return {
    replaced,
    setWorkers: (pids) => writeFileAtomic(path, content(pids.map(identify))),
    release: () => {
      // Someone may have deleted it by hand, and another run may be there by now.
      if (isOurs(path)) rmSync(path, { force: true });
    },
  };
}

/** One try; `holder` is null when the lock is ours, and `replaced` then tells whose stale one it was. */
function tryLock(path: string): { readonly holder: Holder | null; readonly replaced: Owner | null } {
  for (;;) {
    if (create(path)) return { holder: null, replaced: null };
    const holder = read(path);
    if (holder === null) continue;
    if (!isGone(holder) || holder.workers.some(isRunning)) return { holder, replaced: null };
    // Who has this second lock is alone in replacing a stale one. It is taken the same way, for its owner can be
    // killed as well.
    const takeover = `${path}.takeover`;
    const rival = tryLock(takeover).holder;
    if (rival !== null) return { holder: rival, replaced: null };
    try {
      // Another may have replaced it between the look and the second lock.
      if (read(path)?.text !== holder.text) continue;
      writeFileAtomic(path, content([]));
      return { holder: null, replaced: holder };
    } finally {
      rmSync(takeover, { force: true });
    }
  }
}

/** Creates the file with all of its content, or returns false when there is one. */
function create(path: string): boolean {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, content([]));
    try {
      linkSync(draft, path);
    } catch (error) {
      if (isCode(error, "EEXIST")) return false;
      // A file system without hard links.
      copyFileSync(draft, path, constants.COPYFILE_EXCL);
    }
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** What the lock says, or null when there is none. */
function read(path: string): Holder | null {
  let text = "";
  try {
    const found = lstatSync(path);
    if (found.isFile() && found.size <= LARGEST) text = readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
  const value = parse(text);
  const owner = parseOwner(value);
  const listed = (value as { readonly workers?: unknown } | null)?.workers;
  const workers = Array.isArray(listed) ? listed.map(parseProcess) : [null];
  if (owner === null || !workers.every((worker) => worker !== null)) {
    throw new UsageError(`${path} is not a lock of ddp-train: if no run is going on there, delete it`);
  }
  return { ...owner, workers, text };
}

function isOurs(path: string): boolean {
  try {
    const { pid, started, host } = thisOwner();
    const now = read(path);
    return now?.pid === pid && now.started === started && now.host === host;
  } catch {
    return false;
  }
}

function refusal(path: string, holder: Holder, orphan: ProcessId | null): UsageError {
  const [folder, { pid, host }] = [dirname(path), holder];
  if (orphan !== null) {
    return new UsageError(
      `the run of process ${pid} in ${folder} was killed, but its worker ${orphan.pid} is still there: kill -9 ${orphan.pid}`,
    );
  }
  if (host !== thisOwner().host) {
    return new UsageError(
      `${folder} is in use by process ${pid} on host ${host}: if that run is over, delete ${path}`,
    );
  }
  return new UsageError(
    `${folder} is in use by process ${pid}: wait until that run is over, or give another --logdir`,
  );
}

function content(workers: readonly ProcessId[]): string {
  return `${JSON.stringify({ ...thisOwner(), workers })}\n`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}
