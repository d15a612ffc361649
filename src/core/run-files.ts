// The names of everything that a run leaves in its log folder. Launcher, workers, loggers and checkpoints take them
// from here, and so does whatever reads a run later.
import { basename, join } from "node:path";

/** How the run was started: options, versions, data. */
export const CONFIG_FILE = "config.json";
/** What came of it. */
export const SUMMARY_FILE = "summary.json";
/** What a person reads of it, in a browser. */
export const REPORT_FILE = "report.html";
/** Says which process runs there. */
export const LOCK_FILE = "lock";
export const CHECKPOINTS_FOLDER = "checkpoints";
/** In the folder of checkpoints: what each of them is. */
export const METRICS_FILE = "_metrics.json";
/** The names of the best checkpoint of the run and of the newest. */
export const BEST = "best";
export const LAST = "last";
/** Of each rank's own log. */
export const LOGS_FOLDER = "logs";
/** What TensorBoard knows its files by; they are in a folder a loader. */
export const EVENTS_PREFIX = "events.out.tfevents.";

const CHECKPOINT_ENDING = ".safetensors";
const TABLE_ENDING = ".csv";
const LOG_ENDING = ".log";

/** The name of an epoch's checkpoint, `unfreezed.3`; `epoch` counts from 1 within the stage. */
export function epochCheckpoint(stage: string, epoch: number): string {
  return `${stage}.${epoch}`;
}

/** The file of a checkpoint by its name: `best.safetensors`. */
export function checkpointFile(name: string): string {
  return `${name}${CHECKPOINT_ENDING}`;
}

/** Whether a file, by its name or path, is a checkpoint. */
export function isCheckpointFile(path: string): boolean {
  return path.endsWith(CHECKPOINT_ENDING);
}

/** Whether this is the path of the run's newest checkpoint. */
export function isLast(path: string): boolean {
  return basename(path) === checkpointFile(LAST);
}

/** The run's newest checkpoint. */
export function lastCheckpoint(logdir: string): string {
  return join(logdir, CHECKPOINTS_FOLDER, checkpointFile(LAST));
}

/** A loader's table of metrics: `train.csv`. */
export function tableFile(loaderKey: string): string {
  return `${loaderKey}${TABLE_ENDING}`;
}

/** The loader whose table of metrics a file is by its name, or null: loader keys start with train, valid or infer. */
export function loaderOfTable(name: string): string | null {
  if (!name.endsWith(TABLE_ENDING) || !/^(train|valid|infer)/.test(name)) return null;
  return name.slice(0, -TABLE_ENDING.length);
}

/** The name of a rank's log, `rank-0`. */
export function rankLog(rank: number): string {
  return `rank-${rank}`;
}

/** Whether a file, by its name, is a rank's log. */
export function isRankLogFile(name: string): boolean {
  return name.endsWith(LOG_ENDING) && /^rank-\d+$/.test(name.slice(0, -LOG_ENDING.length));
}

/** The file of a log by its name: `rank-0.log`. */
export function logFile(name: string): string {
  return `${name}${LOG_ENDING}`;
}
