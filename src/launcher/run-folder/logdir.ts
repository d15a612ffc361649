// The log folder of a run: locked, refused when it holds a run already, and where config.json and summary.json are.
// An earlier run is replaced only when the new one is about to train: a typing mistake does not cost it.
import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { writeFileAtomic } from "../../core/atomic-file.js";
import { messageOf, UsageError } from "../../core/errors.js";
import { CONFIG_FILE, LOCK_FILE, SUMMARY_FILE } from "../../core/run-files.js";
import type { RunSummary } from "../../core/summary.js";
import { type Lock, takeLock } from "./lock.js";
import { findForeign, findRun, removeIfEmpty, removeRun } from "./remove-run.js";

/** A log folder that no other run uses. */
export interface Claim extends Lock {
  readonly logdir: string;
}

/**
 * Says no to a folder that holds a run (with `overwrite`: files of such names that are not a run's).
 * @throws UsageError
 */
export function refuseHeldLogdir(logdir: string | null, overwrite: boolean): void {
  if (logdir === null) return;
  const found = overwrite ? findForeign(logdir) : findRun(logdir);
  if (found === undefined) return;
  throw new UsageError(
    overwrite
      ? `${join(logdir, found)} was not written by ddp-train and will not be overwritten: give another --logdir`
      : `${logdir} holds a run already (${found}): add --overwrite to replace it, or give another --logdir`,
  );
}

/**
 * Claims the folder of a new run, created if need be; null makes a new `logs/<time>`. A run that it holds stays.
 * @throws UsageError when it is in use, holds a run that is not to be replaced, or cannot be written.
 */
export async function claimLogdir(
  logdir: string | null,
  overwrite: boolean,
  now: Date = new Date(),
): Promise<Claim> {
  const wanted = logdir ?? resolve("logs", timeStamp(now));
  const claim = await attempt(wanted, () => {
    mkdirSync(logdir === null ? dirname(wanted) : wanted, { recursive: true });
    return lockLogdir(logdir ?? makeNew(wanted));
  });
  try {
    refuseHeldLogdir(logdir, overwrite);
    return claim;
  } catch (error) {
    claim.release();
    throw error;
  }
}

/**
 * Claims the folder of a run that is there.
 * @throws UsageError when it is in use or cannot be written.
 */
export function reclaimLogdir(logdir: string): Promise<Claim> {
  return attempt(logdir, () => lockLogdir(logdir));
}

/** Whether a folder can be written is only known by writing the lock: root passes any permission check. */
async function lockLogdir(logdir: string): Promise<Claim> {
  const lock = await takeLock(join(logdir, LOCK_FILE));
  const release = () => {
    lock.release();
    removeIfEmpty(logdir);
  };
  return { ...lock, release, logdir };
}

async function attempt<T>(logdir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `cannot write to the log folder ${logdir} (${messageOf(error)}): give another --logdir`,
    );
  }
}

/** Removes the run that the folder holds, if any, and writes the new one's config.json. */
export function beginRun(logdir: string, config: object): void {
  removeRun(logdir);
  writeConfig(logdir, config);
}

/** Removes what a run left but for its config.json, which is then replaced: the run begins anew. */
export function beginAnew(logdir: string, config: object): void {
  removeRun(logdir, CONFIG_FILE);
  writeConfig(logdir, config);
}

/** Writes config.json. */
export function writeConfig(logdir: string, config: object): void {
  writeJson(logdir, CONFIG_FILE, config);
}

/** Writes summary.json. */
export function writeSummary(logdir: string, summary: RunSummary): void {
  writeJson(logdir, SUMMARY_FILE, summary);
}

function writeJson(logdir: string, name: string, content: object): void {
  writeFileAtomic(join(logdir, name), `${JSON.stringify(content, null, 2)}\n`);
}

/** Local time that sorts as text and is a file name everywhere: `2026-11-23T04-20-05`. */
export function timeStamp(now: Date): string {
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replaceAll(":", "-");
}

/** Creates `path`, or `path-2`, `path-3`... where another run of the same second was first. */
function makeNew(path: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? path : `${path}-${n}`;
    try {
      mkdirSync(name);
      return name;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}
