// The recipe contract: what a run is made of. A recipe's module exports a class (or a function) that is given a
// RecipeConfig on every rank; the worker calls the getters anew at every stage.
import type { Optimizer, Tensor } from "@tensorflow/tfjs-core";
import type { Callback } from "./callback.js";
import type { Criterion } from "./criterion.js";
import type { Batch, Loader } from "./loader.js";
import type { MetricsLogger } from "./metrics-logger.js";
import type { Model } from "./model.js";
import type { OptionRows } from "./options/row.js";
import type { InheritedOptions, TrainOptions } from "./options/train-options.js";
import type { RandomStream } from "./random-stream.js";
import type { Scheduler } from "./scheduler.js";
import type { Json } from "./state.js";

/** What a recipe's parts may return: the thing itself, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

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
  /**
   * Whether a batch normalisation layer whose weights are frozen computes as in inference, with its moving averages,
   * which then stay as they are. False is torch's way: it normalises by the batch, and moves them.
   */
  readonly freezeBatchNorm: boolean = true;
  /**
   * Random numbers that repeat with the run (also resumed): the same on all ranks in the getters of a stage, others on
   * each rank and in each batch in `handleBatch` and a dataset's `collate`. Math.random draws from them as well. The
   * worker sets it before it asks for the first stage.
   */
  random!: RandomStream;
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
  abstract getLoaders(stage: string): MaybePromise<Record<string, Loader>>;
  /** A new model, or the one of the stage before (`this.model`), or a new one around layers of it. */
  abstract getModel(stage: string): MaybePromise<M>;
  abstract getCriterion(stage: string): MaybePromise<Criterion>;
  abstract getOptimizer(stage: string, model: M): MaybePromise<Optimizer>;
  abstract getCallbacks(stage: string): MaybePromise<Record<string, Callback>>;
  /**
   * Runs the model on a batch and puts tensors into `this.batch`. In a train loader gradients are recorded until it
   * returns, or until its promise resolves: what other code computes meanwhile is recorded as well.
   */
  abstract handleBatch(batch: Batch): MaybePromise<void>;

  getScheduler(_stage: string, _optimizer: Optimizer): MaybePromise<Scheduler | null> {
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
