// The recipe contract: what a run is made of. A recipe's module exports a class (or a function) that is given a
// RecipeConfig on every rank; the worker calls the getters anew at every stage.
import type { Optimizer, Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { Callback } from "./callback.js";
import type { Batch, Loader } from "./loader.js";
import type { MetricsLogger } from "./metrics-logger.js";
import type { OptionRows } from "./options/row.js";
import type { InheritedOptions, TrainOptions } from "./options/train-options.js";
import type { Model } from "./parameters.js";
import type { Scheduler } from "./scheduler.js";
import type { Json } from "./state.js";

/** Mean loss over a batch, a scalar tensor. */
export type Criterion = (outputs: Tensor, targets: Tensor) => Scalar;

/** A recipe's own place among the ranks, and what it has prepared. */
export interface RecipePlace {
  readonly rank: number;
  readonly localRank: number;
  readonly worldSize: number;
  /** What {@link RecipeClass.prepareData} returned on this machine's first rank. */
  readonly prepared: Json;
}

/** What a recipe is told: the run's options with its own among them, and its place among the ranks. */
export type RecipeConfig<Own extends object = InheritedOptions> = TrainOptions<Own> & RecipePlace;

/** A line for the person watching while no epoch shows how far things are (a download, say); `warn` is for stderr. */
export type ReportProgress = (message: string, level?: "info" | "warn") => void;

/**
 * Base class of a recipe. The worker sets `model`, `criterion`, `optimizer` and `scheduler` at each stage's start;
 * `handleBatch` reads `model` and fills `batch`. `Own` are the values of the options that its class declares.
 */
export abstract class Recipe<M extends Model = Model, Own extends object = InheritedOptions> {
  readonly config: RecipeConfig<Own>;
  model!: M;
  criterion!: Criterion;
  optimizer!: Optimizer;
  scheduler: Scheduler | null = null;
  /** True while a train loader runs: what layers such as dropout want to know. */
  training = false;
  /** The current batch by role: `features`, `targets`, `logits`. */
  batch: Record<string, Tensor> = {};

  constructor(config: RecipeConfig<Own>) {
    this.config = config;
  }

  /** Names of the stages, in order. */
  abstract readonly stages: readonly string[];
  /** Number of epochs of a stage (`--epochs` overrides it). */
  abstract getStageLen(stage: string): number;
  /** Loaders by key; a key starts with `train`, `valid` or `infer`, and only `train*` learns. */
  abstract getLoaders(stage: string): Record<string, Loader>;
  /** A new model; weights come from a checkpoint, not from the stage before. */
  abstract getModel(stage: string): M;
  abstract getCriterion(stage: string): Criterion;
  abstract getOptimizer(stage: string, model: M): Optimizer;
  abstract getCallbacks(stage: string): Record<string, Callback>;
  /** Runs the model on a batch and puts tensors into `this.batch`. Synchronous: gradients are recorded meanwhile. */
  abstract handleBatch(batch: Batch): void;

  getScheduler(_stage: string, _optimizer: Optimizer): Scheduler | null {
    return null;
  }

  /** Metric loggers by name; called on rank 0 only. */
  getLoggers(): Record<string, MetricsLogger> {
    return {};
  }
}

/** A recipe's class: what its module exports as `default`. */
export interface RecipeClass<Own extends object = InheritedOptions> {
  new (config: RecipeConfig<Own>): Recipe<Model, Own>;
  /** Options of its own; without them it has those of the built-in recipe. */
  readonly options?: OptionRows;
  /**
   * Runs once on each machine, before any rank builds anything: the place to download or generate data.
   * Its result, which JSON must be able to carry, is every rank's `config.prepared`.
   */
  prepareData?(options: TrainOptions<Own>, report: ReportProgress): Promise<Json>;
}
