// What callbacks see of a run. It lives here so that callbacks never import the worker.
import type { Optimizer, Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { Criterion } from "./criterion.js";
import type { Loader } from "./loader.js";
import type { MetricsLogger } from "./metrics-logger.js";
import type { Model } from "./model.js";
import type { TrainOptions } from "./options/train-options.js";
import type { Parameter } from "./parameters.js";
import type { ProcessGroup } from "./process-group.js";
import type { Log } from "./process-log.js";
import type { Scheduler } from "./scheduler.js";
import type { Counters, RunState } from "./state.js";
import type { BestSummary } from "./summary.js";

/** Gradients of one batch on the host, all trainable weights one after another in the model's order. */
export interface FlatGradients {
  readonly parameters: readonly Parameter[];
  /** The values; valid until the next batch. Reducing or clipping works on it in place. */
  readonly flat: Float32Array;
}

/** Which parts of a state to take over, see {@link RunContext.loadStateDict}. */
export const STATE_PARTS = [
  "model",
  "criterion",
  "optimizer",
  "scheduler",
  "global_epoch_step",
  "global_batch_step",
  "global_sample_step",
] as const;
export type StatePart = (typeof STATE_PARTS)[number];

/** A metric's vector of sums and counts: adding the ranks' vectors gives the metric over all ranks, exactly. */
export interface Accumulator {
  readonly state: Float64Array;
  reset(): void;
  /** Metric values by name, from the (reduced) state. */
  compute(): Record<string, number>;
}

export interface RunContext {
  readonly options: TrainOptions;
  readonly group: ProcessGroup;
  readonly log: Log;
  /** Empty on every rank but 0. */
  readonly loggers: Readonly<Record<string, MetricsLogger>>;
  /** Name of the recipe, for metadata. */
  readonly recipeName: string;

  readonly stages: readonly string[];
  readonly stageKey: string;
  /** 0-based place of the stage in {@link stages}. */
  readonly stageIndex: number;
  /** Number of epochs of the current stage. */
  readonly stageLen: number;
  readonly counters: Counters;
  /**
   * In the stage in which a resumed run goes on: where the run it goes on from was, its epochs counted only as far as
   * they were finished. Else null.
   */
  readonly resumed: Readonly<Counters> | null;

  readonly model: Model;
  readonly criterion: Criterion;
  readonly optimizer: Optimizer;
  readonly scheduler: Scheduler | null;
  readonly loaders: Readonly<Record<string, Loader>>;
  readonly loaderKey: string;
  readonly loader: Loader;
  /** True in a loader whose key starts with `train`: only there is anything learned. */
  readonly isTrainLoader: boolean;
  /** True in a loader whose key starts with `infer`: no targets are expected there. */
  readonly isInferLoader: boolean;

  /** What `handleBatch` put into the recipe's `batch`: features, targets, logits... */
  readonly batch: Readonly<Record<string, Tensor>>;
  /** Samples in the current batch on this rank. */
  readonly batchSize: number;
  /** 0-based index of the batch within its loader. */
  readonly batchIndex: number;
  /** Scalars of the current batch that can be differentiated or read (`loss`). */
  readonly batchTensors: Record<string, Scalar>;
  /** This rank's numbers for the current batch. */
  readonly batchMetrics: Record<string, number>;
  /**
   * What metric callbacks register at a loader's start. At its end, between the metric and the aggregation order,
   * all of them are summed over all ranks in one vector and computed into {@link loaderMetrics}.
   */
  readonly accumulators: Accumulator[];
  /** Metrics of the current loader, exact over all ranks; filled at the loader's end. */
  readonly loaderMetrics: Record<string, number>;
  /** The metrics of the current epoch's loaders so far, by loader key: the current loader's are {@link loaderMetrics}. */
  readonly epochMetrics: Readonly<Record<string, Record<string, number>>>;

  /** Best and last checkpoint so far, for the summary; the checkpoint callback keeps it. */
  readonly checkpoints: { best: BestSummary | null; last: { readonly path: string } | null };

  /** The values of `batch[key]` on the host, row-major; read once however many callbacks ask. */
  readBatch(key: string): Promise<Float32Array | Int32Array | Uint8Array>;
  /** The current train batch's gradients of the loss, read to the host. Null outside train loaders. */
  gradients(): Promise<FlatGradients | null>;
  /**
   * Averages gradients over all ranks, in place: those given, or else the current batch's, which are read to the host
   * in buckets while earlier ones travel. Null outside train loaders, and when the batch must be left out: a rank's
   * loss or the mean gradient is not finite, and the run was told to skip such batches.
   * @throws RunError naming ranks, batch and samples when it was told to stop.
   */
  reduceGradients(gradients?: FlatGradients): Promise<FlatGradients | null>;
  /** Gives the flat (reduced) gradients to the optimizer, which updates the trainable weights. */
  applyGradients(gradients: FlatGradients): void;
  /** The state of everything, read to the host. Every rank must call it; ranks other than 0 get null. */
  stateDict(): Promise<RunState | null>;
  /**
   * Takes over some parts of a state.
   * @throws UsageError naming the weight when names or shapes do not fit the model.
   */
  loadStateDict(state: RunState, parts: readonly StatePart[]): Promise<void>;
  /** A line for the person watching, on the console; does nothing on ranks other than 0. */
  notify(message: string, level?: "info" | "warn"): void;
  /** Ends the stage after this epoch. Call it on every rank alike: decide from reduced values only. */
  stopStage(): void;
}
