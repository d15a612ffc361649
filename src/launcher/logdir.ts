// The log folder of a run: claimed, refused when it holds a run already, and where config.json and summary.json are.
// An earlier run is replaced only when the new one is about to train: a typing mistake does not cost it.
import { closeSync, mkdirSync, openSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { writeFileAtomic } from "../core/atomic-file.js";
import { messageOf, UsageError } from "../core/errors.js";
import type { RunSummary } from "../core/summary.js";
import { findForeign, findRun, removeIfEmpty, removeRankLogs, removeRun } from "./run-files.js";

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
 * Creates the folder if need be, and returns its path; null makes a new `logs/<time>`. A run that it holds stays.
 * @throws UsageError when it cannot be written.
 */
export function claimLogdir(logdir: string | null, overwrite: boolean, now: Date = new Date()): string {
  refuseHeldLogdir(logdir, overwrite);
  const wanted = logdir ?? resolve("logs", timeStamp(now));
  try {
    mkdirSync(logdir === null ? dirname(wanted) : wanted, { recursive: true });
    const claimed = logdir ?? makeNew(wanted);
    // Whether a folder can be written is only known by writing: root passes any permission check.
    const trial = join(claimed, `.ddp-train.${process.pid}.tmp`);
    closeSync(openSync(trial, "w"));
    rmSync(trial);
    // Workers log from their first moment, and would go on in an earlier run's.
    if (overwrite) removeRankLogs(claimed);
    return claimed;
  } catch (error) {
    throw new UsageError(
      `cannot write to the log folder ${wanted} (${messageOf(error)}): give another --logdir`,
    );
  }
}

/** Removes the run that the folder holds, if any, and writes the new one's config.json. */
export function beginRun(logdir: string, config: object): void {
  removeRun(logdir);
  writeJson(logdir, "config.json", config);
}

/** Writes summary.json. */
export function writeSummary(logdir: string, summary: RunSummary): void {
  writeJson(logdir, "summary.json", summary);
}

/** Gives back a folder in which nothing was trained: what the workers logged goes, and the folder if it is empty. */
export function discardLogdir(logdir: string): void {
  removeRankLogs(logdir);
  removeIfEmpty(logdir);
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
