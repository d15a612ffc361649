// The state of a run on this rank: where it is, what the stage is made of, what the current batch gave. Callbacks
// see it as their RunContext; the loops in runner.ts move it on.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { Accumulator, FlatGradients, RunContext, StatePart } from "../core/context.js";
import { RunError, UsageError } from "../core/errors.js";
import type { Loader } from "../core/loader.js";
import type { Log } from "../core/log.js";
import type { MetricsLogger } from "../core/logger.js";
import type { TrainOptions } from "../core/options.js";
import type { ProcessGroup } from "../core/process-group.js";
import type { Position } from "../core/protocol.js";
import type { Recipe } from "../core/recipe.js";
import type { Counters, RunState } from "../core/state.js";
import type { BestSummary, StageSummary } from "../core/summary.js";
import { loadOptimizer, readOptimizer } from "../engine/optimizer-state.js";
import { tf } from "../engine/tf.js";
import { Gradients, toNamedTensors } from "./gradients.js";
import type { Stage } from "./stage.js";
import { loadWeights, readWeights } from "./weights.js";

/** What a run is started with. */
export interface RunSetup {
  readonly recipe: Recipe;
  readonly recipeName: string;
  readonly stages: readonly string[];
  readonly options: TrainOptions;
  readonly group: ProcessGroup;
  readonly log: Log;
  /** Told where the run is, at each loader's start and now and then in between. */
  readonly onPosition: (position: Position) => void;
}

export class Run implements RunContext {
  readonly recipe: Recipe;
  readonly recipeName: string;
  readonly options: TrainOptions;
  readonly group: ProcessGroup;
  readonly log: Log;
  readonly loggers: Readonly<Record<string, MetricsLogger>>;
  readonly stages: readonly string[];
  readonly onPosition: (position: Position) => void;
  readonly counters: Counters = {
    globalEpochStep: 0,
    globalBatchStep: 0,
    globalSampleStep: 0,
    stageEpochStep: 0,
    stageBatchStep: 0,
    stageSampleStep: 0,
    loaderBatchStep: 0,
    loaderSampleStep: 0,
  };
  readonly checkpoints: { best: BestSummary | null; last: { readonly path: string } | null } = {
    best: null,
    last: null,
  };
  /** What the summary will list. */
  readonly history: StageSummary[] = [];

  stageIndex = -1;
  stopRequested = false;
  loaderKey = "";
  batchIndex = -1;
  batchSize = 0;
  batchTensors: Record<string, Scalar> = {};
  batchMetrics: Record<string, number> = {};
  accumulators: Accumulator[] = [];
  loaderMetrics: Record<string, number> = {};
  epochMetrics: Record<string, Record<string, number>> = {};
  #stage: Stage | null = null;
  #gradients: Gradients | null = null;
  #hostBatch = new Map<string, Promise<Float32Array | Int32Array | Uint8Array>>();

  constructor(setup: RunSetup) {
    this.recipe = setup.recipe;
    this.recipeName = setup.recipeName;
    this.stages = setup.stages;
    this.options = setup.options;
    this.group = setup.group;
    this.log = setup.log;
    this.onPosition = setup.onPosition;
    this.loggers = setup.group.rank === 0 ? (setup.recipe.getLoggers?.() ?? {}) : {};
  }

  get stage(): Stage {
    if (!this.#stage) throw new RunError("no stage has been built yet");
    return this.#stage;
  }
  get stageKey(): string {
    return this.stages[this.stageIndex];
  }
  get stageLen(): number {
    return this.stage.length;
  }
  get model() {
    return this.stage.model;
  }
  get criterion() {
    return this.stage.criterion;
  }
  get optimizer() {
    return this.stage.optimizer;
  }
  get scheduler() {
    return this.stage.scheduler;
  }
  get loaders() {
    return this.stage.loaders;
  }
  get loader(): Loader {
    return this.stage.loaders[this.loaderKey];
  }
  get isTrainLoader(): boolean {
    return this.loaderKey.startsWith("train");
  }
  get isInferLoader(): boolean {
    return this.loaderKey.startsWith("infer");
  }
  get batch(): Readonly<Record<string, Tensor>> {
    return this.recipe.batch;
  }
  get position(): Position {
    const { stageEpochStep: epoch } = this.counters;
    return { stage: this.stageKey ?? "", epoch, loader: this.loaderKey, batch: this.batchIndex + 1 };
  }

  /** Takes over a newly built stage and lets go of the one before. */
  enterStage(stage: Stage): void {
    this.leaveStage();
    this.#stage = stage;
    this.#gradients = new Gradients(stage.parameters);
    this.stopRequested = false;
  }

  /** Frees the stage's weights and the optimizer's slots. */
  leaveStage(): void {
    if (!this.#stage) return;
    this.#gradients?.dispose();
    this.#stage.optimizer.dispose();
    for (const { variable } of this.#stage.parameters) variable.dispose();
    this.#stage = null;
  }

  /** Runs the recipe and the callbacks' forward hooks on a batch; with gradients in a train loader. */
  forward(step: () => void): void {
    const { lossKey } = this.stage;
    if (this.isTrainLoader && lossKey !== null) {
      this.#gradients?.compute(() => {
        step();
        const loss = this.batchTensors[lossKey];
        if (loss) return loss;
        const keys = Object.keys(this.batchTensors).join(", ") || "no loss";
        throw new UsageError(
          `the optimizer callback wants the loss "${lossKey}", but callbacks made: ${keys}`,
        );
      });
    } else {
      tf.tidy(step);
    }
  }

  /** Forgets what the last batch left. */
  clearBatch(): void {
    tf.dispose(this.recipe.batch);
    tf.dispose(this.batchTensors);
    this.#gradients?.dispose();
    this.#hostBatch.clear();
    this.recipe.batch = {};
    this.batchTensors = {};
    this.batchMetrics = {};
  }

  readBatch(key: string): Promise<Float32Array | Int32Array | Uint8Array> {
    let values = this.#hostBatch.get(key);
    if (!values) {
      values = this.batch[key].data();
      this.#hostBatch.set(key, values);
    }
    return values;
  }

  async gradients(): Promise<FlatGradients | null> {
    return (await this.#gradients?.read()) ?? null;
  }

  applyGradients(gradients: FlatGradients): void {
    const named = toNamedTensors(gradients);
    this.optimizer.applyGradients(named);
    tf.dispose(named.map(({ tensor }) => tensor));
  }

  async stateDict(): Promise<RunState> {
    const { parameters, optimizer, scheduler } = this.stage;
    return {
      model: await readWeights(parameters),
      optimizer: await readOptimizer(optimizer, parameters),
      criterion: null,
      scheduler: scheduler?.stateDict() ?? null,
      counters: { ...this.counters },
      recipe: this.recipeName,
      stage: this.stageKey,
      epoch: this.counters.stageEpochStep,
      metrics: this.epochMetrics,
    };
  }

  async loadStateDict(state: RunState, parts: readonly StatePart[]): Promise<void> {
    const source = `the checkpoint ${state.stage}.${state.epoch}`;
    for (const part of parts) {
      if (part === "model") loadWeights(this.stage.parameters, state.model, source);
      else if (part === "optimizer") await loadOptimizer(this.optimizer, state.optimizer);
      else if (part === "scheduler") {
        if (state.scheduler !== null) this.scheduler?.loadStateDict(state.scheduler);
      } else if (part === "global_epoch_step") this.counters.globalEpochStep = state.counters.globalEpochStep;
      else if (part === "global_batch_step") this.counters.globalBatchStep = state.counters.globalBatchStep;
      else if (part === "global_sample_step") {
        this.counters.globalSampleStep = state.counters.globalSampleStep;
      }
    }
  }

  stopStage(): void {
    this.stopRequested = true;
  }
}
