// From what the caller typed (or passed to `launch`) to checked options. Every mistake is a UsageError of one line
// that names the option, says what it wants and what it got. No file is created here.
import { type Stats, statSync } from "node:fs";
import { homedir } from "node:os";
import { extname, join, resolve, sep } from "node:path";
import { messageOf, UsageError } from "../../core/errors.js";
import {
  BUCKET_MB,
  DATASETS,
  DEVICES,
  ON_NAN,
  type TrainOptions,
  type Verbosity,
} from "../../core/options.js";
import { WIRES } from "../../core/process-group.js";

/** What a caller may give: the command line's options in camelCase, numbers also as the text that was typed. */
export interface LaunchOptions {
  /** One worker per GPU: as `workers`, but with a warning when they cannot all have a GPU. */
  readonly gpus?: number | string | undefined;
  readonly workers?: number | string | undefined;
  readonly device?: string | undefined;
  /** Names, or one text with commas between them. */
  readonly stages?: string | readonly string[] | undefined;
  readonly recipe?: string | undefined;
  readonly epochs?: number | string | undefined;
  readonly batchSize?: number | string | undefined;
  readonly dataset?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly initFrom?: string | undefined;
  readonly logdir?: string | undefined;
  readonly overwrite?: boolean | undefined;
  readonly seed?: number | string | undefined;
  /** Seconds a rank waits for another in one collective. */
  readonly timeout?: number | string | undefined;
  /** Save also every so many train batches. */
  readonly checkpointEvery?: number | string | undefined;
  readonly onNan?: string | undefined;
  /** What gradients are while they travel: fp32, fp16 or bf16. */
  readonly wire?: string | undefined;
  readonly bucketMb?: number | string | undefined;
  readonly maxRestarts?: number | string | undefined;
  /** Log folder of the run to go on with, or one of its checkpoints; few other options go with it: see resume.ts. */
  readonly resume?: string | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly progress?: boolean | undefined;
}

/** Checked options, but for the two that are settled later: the probe counts GPUs, the log folder is claimed. */
export interface WantedOptions extends Omit<TrainOptions, "workers" | "logdir"> {
  /** Null means the GPUs found, else two. */
  readonly workers: number | null;
  /** True when the workers were asked for by `--gpus`. */
  readonly gpusAsked: boolean;
  /** Null means a new folder `logs/<time>`. */
  readonly logdir: string | null;
}

/** Random numbers take 32 bits of the seed; no other option comes near this. */
export const LARGEST_NUMBER = 2 ** 32 - 1;
/** A slip of the finger should not fork until the machine stands still. */
export const MOST_WORKERS = 1024;
const RECIPE_EXTENSIONS = [".ts", ".mts", ".js", ".mjs"];

/**
 * Checks what was given and fills in the defaults.
 * @throws UsageError
 */
export function resolveOptions(given: LaunchOptions, env: NodeJS.ProcessEnv = process.env): WantedOptions {
  const logdir = folder("--logdir", given.logdir);
  return {
    workers: workersOf(given),
    gpusAsked: given.gpus !== undefined,
    device: oneOf("--device", given.device, DEVICES),
    stages: stagesOf(given.stages),
    recipe: recipeOf(given.recipe),
    epochs: given.epochs === undefined ? null : wholeNumber("--epochs", given.epochs, 1),
    batchSize: wholeNumber("--batch-size", given.batchSize ?? 32, 1),
    dataset: oneOf("--dataset", given.dataset, DATASETS),
    dataDir: folder("--data-dir", given.dataDir) ?? defaultDataDir(env),
    initFrom: file("--init-from", given.initFrom),
    logdir,
    overwrite: overwriteOf(given, logdir),
    seed: wholeNumber("--seed", given.seed ?? 42, 0),
    verbosity: verbosityOf(given),
    progress: given.progress ?? true,
    timeoutSeconds: wholeNumber("--timeout", given.timeout ?? 60, 1),
    checkpointEvery:
      given.checkpointEvery === undefined
        ? null
        : wholeNumber("--checkpoint-every", given.checkpointEvery, 1),
    onNan: oneOf("--on-nan", given.onNan, ON_NAN),
    wire: oneOf("--wire", given.wire, WIRES),
    bucketMb: wholeNumber("--bucket-mb", given.bucketMb ?? BUCKET_MB, 1),
    maxRestarts: wholeNumber("--max-restarts", given.maxRestarts ?? 0, 0),
  };
}

function workersOf({ gpus, workers }: LaunchOptions): number | null {
  const byGpus = gpus === undefined ? null : wholeNumber("--gpus", gpus, 1, MOST_WORKERS);
  const byWorkers = workers === undefined ? null : wholeNumber("--workers", workers, 1, MOST_WORKERS);
  if (byGpus !== null && byWorkers !== null && byGpus !== byWorkers) {
    throw new UsageError(
      `--gpus ${byGpus} and --workers ${byWorkers} disagree: they mean the same, give one of them`,
    );
  }
  return byGpus ?? byWorkers;
}

function wholeNumber(flag: string, given: number | string, least: number, most = LARGEST_NUMBER): number {
  const text = String(given).trim();
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  const range = value > most ? `of at most ${most}` : `of at least ${least}`;
  throw new UsageError(`${flag} wants a whole number ${range}, got "${given}"`);
}

/** One of the choices; without a value, the first. */
function oneOf<T extends string>(flag: string, given: string | undefined, choices: readonly T[]): T {
  const choice = choices.find((name) => name === (given ?? choices[0]));
  if (choice !== undefined) return choice;
  throw new UsageError(`${flag} wants one of ${choices.join(", ")}; got "${given}"`);
}

function stagesOf(given: string | readonly string[] | undefined): readonly string[] | null {
  if (given === undefined) return null;
  const list = typeof given === "string" ? given.split(",") : given;
  const stages = list.map((name) => name.trim());
  if (stages.length === 0 || stages.includes("")) {
    throw new UsageError(`--stages wants names with a comma between them, got "${list.join(",")}"`);
  }
  const twice = stages.find((name, i) => stages.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`--stages names "${twice}" twice; a stage can run once`);
  return stages;
}

function recipeOf(given: string | undefined): string | null {
  const path = file("--recipe", given);
  if (path !== null && !RECIPE_EXTENSIONS.includes(extname(path))) {
    throw new UsageError(`--recipe wants a .ts, .js or .mjs file, got ${path}`);
  }
  return path;
}

/** Replacing a run removes its checkpoints, before the workers would read one. */
function overwriteOf({ overwrite = false, initFrom }: LaunchOptions, logdir: string | null): boolean {
  if (overwrite && logdir !== null && initFrom !== undefined && resolve(initFrom).startsWith(logdir + sep)) {
    throw new UsageError(
      `--init-from ${initFrom} is in the run that --overwrite replaces: give another --logdir`,
    );
  }
  return overwrite;
}

function file(flag: string, given: string | undefined): string | null {
  const path = absolute(flag, given);
  if (path === null) return null;
  const found = look(flag, path);
  if (found === null) throw new UsageError(`${flag}: there is no file ${path}`);
  if (!found.isFile()) throw new UsageError(`${flag} wants a file, and ${path} is not one`);
  return path;
}

function folder(flag: string, given: string | undefined): string | null {
  const path = absolute(flag, given);
  if (path !== null && look(flag, path)?.isDirectory() === false) {
    throw new UsageError(`${flag} wants a folder, and ${path} is a file`);
  }
  return path;
}

/** What is at the path, or null when there is nothing. */
function look(flag: string, path: string): Stats | null {
  try {
    return statSync(path);
  } catch (error) {
    // Not throwIfNoEntry: from Node 22 on it also hides that a part of the path is a file.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new UsageError(`${flag}: cannot use ${path} (${messageOf(error)})`);
  }
}

function absolute(flag: string, given: string | undefined): string | null {
  if (given === undefined) return null;
  if (given.trim() === "") throw new UsageError(`${flag} wants a path, got ""`);
  return resolve(given);
}

function defaultDataDir(env: NodeJS.ProcessEnv): string {
  if (env.DDP_DATA_DIR) return resolve(env.DDP_DATA_DIR);
  return resolve(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "ddp-train");
}

function verbosityOf({ quiet, verbose }: LaunchOptions): Verbosity {
  if (quiet && verbose) throw new UsageError("--quiet and --verbose contradict each other: give one of them");
  if (quiet) return "quiet";
  return verbose ? "verbose" : "normal";
}
