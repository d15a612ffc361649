// The log folder of a run: claims it, refuses one that holds a run already, and keeps config.json and summary.json.
// `--overwrite` removes what a run leaves, known by name and content; a file that no run wrote is never touched.
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { writeFileAtomic } from "../core/atomic-file.js";
import { messageOf, UsageError } from "../core/errors.js";
import type { RunSummary } from "../core/summary.js";

/** Names that say that a folder holds a run. Loader keys, and so their files, start with train, valid or infer. */
const MARKS = /^(config\.json|summary\.json|checkpoints|(train|valid|infer).*\.csv)$/;

/** What a run leaves in the log folder, with what must be in it where others use such a name too. */
const LEFT_FILES = [
  { name: /^config\.json$/, content: /"ddp-train"/ },
  { name: /^summary\.json$/, content: /"weights_sha256"/ },
  { name: /^(train|valid|infer).*\.csv$/, content: /^(step,|$)/ },
  { name: /^rank-\d+\.log$/, content: /^/ },
  // What a crash leaves of an atomic write.
  { name: /^(config|summary)\.json\.\d+\.tmp$/, content: /^/ },
];
/** What it leaves in folders there. */
const LEFT_IN_FOLDERS = [
  {
    folder: /^checkpoints$/,
    files: /^(best\.safetensors|last\.safetensors|.+\.\d+\.safetensors|_metrics\.json)(\.\d+\.tmp)?$/,
  },
  { folder: /^(train|valid|infer)/, files: /tfevents/ },
];

/**
 * Says no to a folder that holds a run, before anything is started.
 * @throws UsageError
 */
export function refuseHeldLogdir(logdir: string | null, overwrite: boolean): void {
  if (logdir === null || overwrite) return;
  const mark = list(logdir).find(({ name }) => MARKS.test(name));
  if (mark === undefined) return;
  throw new UsageError(
    `${logdir} holds a run already (${mark.name}): add --overwrite to replace it, or give another --logdir`,
  );
}

/**
 * Creates the folder, or empties it of an earlier run, and returns its path; null makes a new `logs/<time>`.
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
    if (overwrite) replaceRun(claimed);
    return claimed;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `cannot write to the log folder ${wanted} (${messageOf(error)}): give another --logdir`,
    );
  }
}

/** Gives back a folder in which nothing was trained: what the workers logged goes, and the folder if it is empty. */
export function discardLogdir(logdir: string): void {
  removeRun(logdir);
  removeIfEmpty(logdir);
}

/** Writes the run's options and circumstances to config.json. */
export function writeConfig(logdir: string, config: object): void {
  writeFileAtomic(join(logdir, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
}

/** Writes summary.json. */
export function writeSummary(logdir: string, summary: RunSummary): void {
  writeFileAtomic(join(logdir, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
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

/** Removes the run that the folder holds; whatever is left must not be in the new run's way. */
function replaceRun(logdir: string): void {
  removeRun(logdir);
  const foreign = list(logdir).find((entry) => entry.isFile() && MARKS.test(entry.name));
  if (foreign === undefined) return;
  throw new UsageError(
    `${join(logdir, foreign.name)} was not written by ddp-train and will not be overwritten: give another --logdir`,
  );
}

function removeRun(logdir: string): void {
  for (const entry of list(logdir)) {
    const path = join(logdir, entry.name);
    if (entry.isFile() && isLeft(path, entry.name)) rmSync(path);
    const inside = entry.isDirectory() && LEFT_IN_FOLDERS.find(({ folder }) => folder.test(entry.name));
    if (!inside) continue;
    for (const inner of list(path)) {
      if (inner.isFile() && inside.files.test(inner.name)) rmSync(join(path, inner.name));
    }
    removeIfEmpty(path);
  }
}

function isLeft(path: string, name: string): boolean {
  const kind = LEFT_FILES.find((left) => left.name.test(name));
  return kind?.content.test(readFileSync(path, "utf8")) ?? false;
}

function list(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new UsageError(`cannot read the log folder ${folder} (${messageOf(error)}): give another --logdir`);
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
  }
}
