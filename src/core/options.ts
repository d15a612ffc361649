// A run's options, as resolved by the command line: plain data, sent to every worker and kept in config.json.

import { ENGINE_FACTS, type EngineName } from "../engine/engines.js";
import type { Wire } from "./process-group.js";

export type { EngineName } from "../engine/engines.js";
/** The engines' names, best first. */
export const ENGINES: readonly EngineName[] = ENGINE_FACTS.map(({ name }) => name);
export type Device = "auto" | EngineName;
export const DEVICES: readonly Device[] = ["auto", ...ENGINES];
export const DATASETS = ["auto", "mnist", "digits"] as const;
export type DatasetChoice = (typeof DATASETS)[number];
export const ON_NAN = ["stop", "skip"] as const;
export type OnNan = (typeof ON_NAN)[number];
/** Of gradients that travel together, in MB of 2^20 bytes: torch's DDP has the same. */
export const BUCKET_MB = 25;
export type Verbosity = "quiet" | "normal" | "verbose";

export interface TrainOptions {
  /** Number of workers on this machine, one per GPU where there are GPUs. */
  readonly workers: number;
  readonly device: Device;
  /** The stages to run, in order; null means all of the recipe's. */
  readonly stages: readonly string[] | null;
  /** Absolute path of the recipe's module; null means the built-in MNIST recipe. */
  readonly recipe: string | null;
  /** Epochs per stage; null leaves it to the recipe. */
  readonly epochs: number | null;
  /** Samples per batch and worker. */
  readonly batchSize: number;
  readonly dataset: DatasetChoice;
  /** Absolute folder of the data files, where they are or are put. */
  readonly dataDir: string;
  /** Absolute path of a safetensors file to start the weights from, or null. */
  readonly initFrom: string | null;
  /** Absolute path of the run's log folder. */
  readonly logdir: string;
  readonly overwrite: boolean;
  readonly seed: number;
  readonly verbosity: Verbosity;
  /** Draw progress bars (on a terminal). */
  readonly progress: boolean;
  /** Seconds a rank waits for another in one collective before it gives up and says so. */
  readonly timeoutSeconds: number;
  /** Save `last` also every so many train batches; null means at each epoch's end only. */
  readonly checkpointEvery: number | null;
  /** What becomes of a batch whose loss is not a finite number on any rank: end the run, or leave the batch out. */
  readonly onNan: OnNan;
  /** What gradients are while they travel between ranks. */
  readonly wire: Wire;
  /** Gradients travel in buckets of about so many MB; with 3 or more workers it decides the last bits of their sum. */
  readonly bucketMb: number;
  /** How often a broken group is restarted from its last checkpoint before the run fails. */
  readonly maxRestarts: number;
}
