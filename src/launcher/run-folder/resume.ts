// What `--resume` means: which run, from which checkpoint, with which options. Everything comes from the run's own
// config.json but what concerns this machine and this terminal, which may be given anew.
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { messageOf, UsageError } from "../../core/errors.js";
import { readChosen, refuseFixed, refuseUnknown } from "../../core/options/read.js";
import type { OptionRows } from "../../core/options/row.js";
import { type GivenTrainerOptions, OPTIONS } from "../../core/options/table.js";
import type { Prepared } from "../../core/protocol.js";
import {
  BEST,
  CHECKPOINTS_FOLDER,
  CONFIG_FILE,
  checkpointFile,
  epochCheckpoint,
  isCheckpointFile,
  lastCheckpoint,
  SUMMARY_FILE,
} from "../../core/run-files.js";
import type { Json } from "../../core/state.js";
import type { RunProgress } from "../../core/summary.js";
import { MNIST_OPTIONS } from "../../recipes/mnist-options.js";
import { type OwnValues, resolveChosen, type WantedOptions } from "../options/resolve.js";
import { type RunConfig, readConfig } from "./config-file.js";
import { amount, anything, fields, oneOf, optional, orNull, readJson, text, whole } from "./json-file.js";

/** What `--resume` points at. */
export interface ResumePlace {
  readonly logdir: string;
  /** The checkpoint that was asked for, or null for the newest. */
  readonly checkpoint: string | null;
}

/** What an earlier process left of the run. */
export interface EarlierRun {
  readonly config: RunConfig;
  /** The parts of its summary that count on; zero where it had no time to write one. */
  readonly wallSeconds: number;
  readonly restarts: number;
  /** The epochs that its summary has: they stand until the workers tell theirs. */
  readonly progress: RunProgress | null;
}

/** summary.json, as far as it is read: the results are passed on as they are, never looked into. */
const SUMMARY = fields({
  status: oneOf(["completed", "failed", "interrupted"]),
  error: optional(text),
  recipe: anything,
  dataset: anything,
  engine: anything,
  world_size: anything,
  restarts: whole(0, Number.MAX_SAFE_INTEGER),
  wall_seconds: amount,
  stages: anything,
  best: anything,
  last: anything,
  weights_sha256: orNull(text),
});

/**
 * Finds the run that `--resume` names by its log folder or by one of its checkpoints.
 * @throws UsageError, also when an option is given that is the run's own.
 */
export function locateRun(given: GivenTrainerOptions): ResumePlace {
  refuseFixed(given, OPTIONS);
  // A run that has another recipe is asked for with that recipe, which has its own options to refuse.
  if (given.recipe === undefined) refuseFixed(given, MNIST_OPTIONS);
  const path = resolve(given.resume ?? "");
  const found = statOf(path);
  if (given.resume?.trim() === "" || found === null) {
    throw new UsageError(`--resume: there is no run or checkpoint ${given.resume}`);
  }
  const isCheckpoint = found.isFile() && isCheckpointFile(path);
  if (isCheckpoint && basename(dirname(path)) === CHECKPOINTS_FOLDER) {
    return withRun({ logdir: dirname(dirname(path)), checkpoint: path });
  }
  if (found.isDirectory()) return withRun({ logdir: path, checkpoint: null });
  throw new UsageError(`--resume wants a log folder or a file in its checkpoints folder, got ${path}`);
}

function withRun(place: ResumePlace): ResumePlace {
  if (existsSync(join(place.logdir, CONFIG_FILE))) return place;
  throw new UsageError(
    `--resume: ${place.logdir} holds no run (no ${CONFIG_FILE}): one that ended before it began to train is started as a new one`,
  );
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch (error) {
    // Not throwIfNoEntry: from Node 22 on it also hides that a part of the path is a file.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new UsageError(`--resume: cannot use ${path} (${messageOf(error)})`);
  }
}

/**
 * Reads what there is of the run.
 * @throws UsageError when it is complete, or a file is not what a run writes.
 */
export function readEarlierRun(logdir: string): EarlierRun {
  const config = readConfig(logdir);
  const path = join(logdir, SUMMARY_FILE);
  if (!existsSync(path)) return { config, wallSeconds: 0, restarts: 0, progress: null };
  const { content, checked } = readJson(path, SUMMARY);
  if (checked.status === "completed") {
    throw new UsageError(
      `${logdir} is complete: there is nothing to resume; to train further from its weights, start a new run with ` +
        `--init-from ${lastCheckpoint(logdir)}`,
    );
  }
  const { stages, best, last } = content as unknown as RunProgress;
  return {
    config,
    wallSeconds: checked.wall_seconds,
    restarts: checked.restarts,
    progress: { stages, best, last },
  };
}

/**
 * The options that the run goes on with: its own, and those given anew.
 * @throws UsageError, also when the run has a recipe of its own that the command line does not name: a recipe is code,
 * and no file but one that the user names is ever run.
 */
export function resumedOptions(
  { options, worldSize }: RunConfig,
  given: GivenTrainerOptions,
  place: ResumePlace,
): WantedOptions {
  const own = options.recipe;
  const chosen = resolveChosen(given);
  const named = chosen.recipe ?? null;
  if (own !== null && named === null) {
    throw new UsageError(
      `the run was started with a recipe, which is code, and runs only when you name it: add --recipe ${own}`,
    );
  }
  if (named !== null && named !== own) {
    throw new UsageError(
      `--recipe ${named} is not the run's: ${own === null ? "leave --recipe out" : `that is ${own}`}`,
    );
  }
  return {
    ...options,
    workers: worldSize,
    gpusAsked: false,
    ...chosen,
    logdir: place.logdir,
    overwrite: false,
  };
}

/** The recipe's own options that the run goes on with, as {@link resumedOptions}. @throws UsageError */
export function resumedOwn({ own }: RunConfig, given: object, rows: OptionRows): OwnValues {
  refuseFixed(given, rows);
  refuseUnknown(given, [OPTIONS, rows]);
  return Object.assign({ ...own(rows) }, readChosen(rows, given));
}

/**
 * The checkpoint to go on from; null when the run has not saved one yet, and begins anew.
 * @throws UsageError when `last` is missing among checkpoints that are not those of a first save that broke off.
 */
export function findCheckpoint(
  { logdir, checkpoint }: ResumePlace,
  stages: readonly string[],
): string | null {
  if (checkpoint !== null) return checkpoint;
  const folder = join(logdir, CHECKPOINTS_FOLDER);
  const last = lastCheckpoint(logdir);
  if (existsSync(last)) return last;
  const names = existsSync(folder) ? readdirSync(folder).filter(isCheckpointFile) : [];
  // A save writes the epoch's own file, then `best`, then `last`.
  const ofFirstSave = [epochCheckpoint(stages[0], 1), BEST].map(checkpointFile);
  if (names.every((name) => ofFirstSave.includes(name))) return null;
  const savedAt = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const [newest] = names.sort((a, b) => savedAt(b) - savedAt(a));
  throw new UsageError(
    `there is no ${last}: go on from the newest there is, --resume ${join(folder, newest)}`,
  );
}

/**
 * Checks that what the workers found is what the run was trained on so far.
 * @throws UsageError naming what has changed.
 */
export function refuseChange(before: Prepared, now: Prepared, allowChangedData: boolean): void {
  if (before.recipe !== now.recipe || before.stages.join() !== now.stages.join()) {
    throw new UsageError(
      `the recipe has changed: the run was trained on ${before.recipe} (${before.stages.join(", ")}), ` +
        `this is ${now.recipe} (${now.stages.join(", ")}); put it back, or start a new run`,
    );
  }
  if (allowChangedData) return;
  if (before.source !== null && before.source !== now.source) {
    throw new UsageError(
      `the recipe's file has changed: the run was trained with SHA-256 ${short(before.source)}, now it is ` +
        `${short(now.source)}; put it back, or go on with --allow-changed-data`,
    );
  }
  const [old, found] = [hashesOf(before.data), hashesOf(now.data)];
  for (const file of new Set([...old.keys(), ...found.keys()])) {
    if (old.get(file) === found.get(file)) continue;
    throw new UsageError(
      `the data has changed: ${file} is not what the run was trained on (SHA-256 ${short(old.get(file))}, ` +
        `now ${short(found.get(file))}); put it back, start a new run, or go on with --allow-changed-data`,
    );
  }
}

/** The `sha256` by file that a recipe's prepareData may tell. */
function hashesOf(data: Json): ReadonlyMap<string, Json> {
  const hashes = typeof data === "object" && data !== null && "sha256" in data ? data.sha256 : null;
  return new Map(typeof hashes === "object" && hashes !== null ? Object.entries(hashes) : []);
}

function short(hash: Json | undefined): string {
  return typeof hash === "string" ? `${hash.slice(0, 12)}…` : "none";
}
