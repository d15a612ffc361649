// What a checkpoint holds, as plain data: tensors by name, and the run's position. No tfjs here, so that the
// checkpoint folder, the loggers and the launcher can all speak of it.

import type { LoaderSummary, StageSummary } from "./summary.js";

export type TensorDtype = "F32" | "I32" | "U8" | "BOOL";

/** A tensor on the host: row-major `data` of `shape`. */
export interface TensorState {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}
export type TensorStates = Readonly<Record<string, TensorState>>;

/** Step counters. Batch counters advance by the world size, sample counters by the samples of all ranks. */
export interface Counters {
  globalEpochStep: number;
  globalBatchStep: number;
  globalSampleStep: number;
  stageEpochStep: number;
  stageBatchStep: number;
  stageSampleStep: number;
  loaderBatchStep: number;
  loaderSampleStep: number;
}

/** Metrics of one epoch: loader key -> metric name -> value. */
export type EpochMetrics = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Any value that JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** State as plain data: `json` for what JSON can carry, tensors by name for the rest. */
export interface StateDict {
  readonly json: Json;
  readonly tensors: TensorStates;
}

/** What a callback has kept: one state that is the same on all ranks, or one of each rank, by rank. */
export interface CallbackState {
  readonly scope: StateScope;
  /** True where the callback gave JSON alone, and is given that back. */
  readonly isJson: boolean;
  readonly states: readonly StateDict[];
}

/** Whose state it is: the same on all ranks, so that rank 0's is kept, or each rank's own. */
export type StateScope = "shared" | "rank";

/** The class of an optimizer, and the numbers and switches that it steps with (`learningRate`, `beta1`...). */
export interface OptimizerSettings {
  readonly class: string;
  readonly numbers: Readonly<Record<string, number | boolean>>;
}

/** Where in an epoch a run was, and what it had gathered since the epoch's start. */
export interface MidEpoch {
  /** The loader it was in, and how many of its batches each rank had done. */
  readonly loader: string;
  readonly batches: number;
  /** How many of them were left out. */
  readonly batchesLeftOut: number;
  /** The metrics' sums and counts so far, by rank: each rank has seen other samples. */
  readonly accumulators: readonly (readonly number[])[];
  /** The loaders of this epoch that were done before. */
  readonly loaders: Readonly<Record<string, LoaderSummary>>;
}

/** Everything needed to go on. */
export interface RunState {
  /** All weights of the model, trainable or not, in the model's order. */
  readonly model: TensorStates;
  /** The optimizer's slots by weight (`dense1/kernel/m`), and its counts. */
  readonly optimizer: TensorStates;
  /** Null in a checkpoint of an earlier version, which did not keep them. */
  readonly optimizerSettings: OptimizerSettings | null;
  readonly criterion: Json;
  readonly scheduler: Json;
  readonly counters: Readonly<Counters>;
  readonly recipe: string;
  readonly stage: string;
  /** 1-based epoch within the stage. */
  readonly epoch: number;
  readonly metrics: EpochMetrics;
  readonly worldSize: number;
  /** Samples of a pass of each of the stage's loaders, over all ranks; empty in a checkpoint of version 1. */
  readonly loaders: Readonly<Record<string, number>>;
  /** Null at an epoch's end. */
  readonly midEpoch: MidEpoch | null;
  /** True once the stage has no further epoch: it was the last one, or a callback stopped the stage. */
  readonly stageDone: boolean;
  /** The state of callbacks that have one, by the recipe's name for them. */
  readonly callbacks: Readonly<Record<string, CallbackState>>;
  /** All finished epochs, for the summary. */
  readonly history: readonly StageSummary[];
}
