// The state of a run on this rank: where it is, what the stage is made of, what the current batch gave. Callbacks
// see it as their RunContext; the loops in runner.ts move it on.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import {
  type Accumulator,
  type FlatGradients,
  type RunContext,
  STATE_PARTS,
  type StatePart,
} from "../core/context.js";
import { RunError, UsageError } from "../core/errors.js";
import type { Loader } from "../core/loader.js";
import type { Log } from "../core/log.js";
import type { MetricsLogger } from "../core/logger.js";
import type { TrainOptions } from "../core/options.js";
import { gatherJson, type ProcessGroup } from "../core/process-group.js";
import type { Position } from "../core/protocol.js";
import type { Recipe } from "../core/recipe.js";
import type { Counters, Json, MidEpoch, RunState } from "../core/state.js";
import type { BestSummary, EpochSummary, LoaderSummary, StageSummary } from "../core/summary.js";
import { applyGradients } from "../engine/apply-gradients.js";
import { loadOptimizer, readOptimizer } from "../engine/optimizer-state.js";
import { tf } from "../engine/tf.js";
import { Gradients } from "./gradients.js";
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
  /** Aborted when the launcher asks the run to end; ranks agree in the next reduction on where. */
  readonly interrupted?: AbortSignal;
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
  history: StageSummary[] = [];
  /** The finished loaders of the current epoch, for the summary. */
  loaderSummaries: Record<string, LoaderSummary> = {};
  /** True once all ranks have agreed to end after this batch or epoch. */
  stopAgreed = false;
  resumed: Readonly<Counters> | null = null;

  stageIndex = -1;
  stopRequested = false;
  /** True between an epoch's last loader and the next epoch's start. */
  epochDone = false;
  loaderKey = "";
  batchIndex = -1;
  batchSize = 0;
  batchTensors: Record<string, Scalar> = {};
  batchMetrics: Record<string, number> = {};
  accumulators: Accumulator[] = [];
  loaderMetrics: Record<string, number> = {};
  epochMetrics: Record<string, Record<string, number>> = {};
  readonly #interrupted: AbortSignal | undefined;
  #badLoss: (Position & { readonly loss: string; readonly samples: readonly number[] }) | null = null;
  /** Whether the last batch ended with a step of the optimizer (or with one left out): only there can a run be cut. */
  #stepped = false;
  #unsaved = 0;
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
    this.#interrupted = setup.interrupted;
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

  /** Whether this rank was asked to end the run. */
  get stopAsked(): boolean {
    return this.#interrupted?.aborted ?? false;
  }

  /** Adds a finished epoch to the summary. */
  record(epoch: EpochSummary): void {
    const last = this.history.at(-1);
    const sameStage = last?.stage === this.stageKey && this.counters.stageEpochStep > 1;
    const epochs = sameStage ? [...last.epochs, epoch] : [epoch];
    this.history = [
      ...(sameStage ? this.history.slice(0, -1) : this.history),
      { stage: this.stageKey, epochs },
    ];
  }

  get saveNow(): boolean {
    if (!this.isTrainLoader || !this.#stepped) return false;
    const { checkpointEvery } = this.options;
    return this.stopHere || (checkpointEvery !== null && this.#unsaved >= checkpointEvery);
  }

  /** True when the run is to end after this batch: `last` has been saved at it. */
  get stopHere(): boolean {
    return this.stopAgreed && this.isTrainLoader && this.#stepped;
  }

  /** Counts a train batch towards the next checkpoint within the epoch. */
  beginBatch(): void {
    if (this.saveNow) this.#unsaved = 0;
    if (this.isTrainLoader) this.#unsaved++;
    this.#stepped = false;
  }

  /** Remembers a loss that is not a finite number until the next reduction tells all ranks. */
  noteLoss(): void {
    const { lossKey } = this.stage;
    if (!this.isTrainLoader || lossKey === null || Number.isFinite(this.batchMetrics[lossKey])) return;
    const loss = String(this.batchMetrics[lossKey]);
    const samples = [...(this.loader.samplesOf?.(this.batchIndex) ?? [])];
    this.#badLoss = { loss, samples, ...this.position };
    this.log.error("the loss is not a finite number", this.#badLoss);
  }

  async reduceGradients({ wire, flat }: FlatGradients): Promise<boolean> {
    const [stop, bad] = [flat.length, flat.length + 1];
    wire[stop] = this.stopAsked ? 1 : 0;
    wire[bad] = this.#badLoss ? 1 : 0;
    await this.group.allReduce(wire, "mean");
    this.stopAgreed = wire[stop] > 0;
    this.#stepped = true;
    if (wire[bad] === 0) return true;
    await this.#refuseLoss();
    return false;
  }

  /** All ranks come here together. */
  async #refuseLoss(): Promise<void> {
    const reports = await gatherJson(this.group, this.#badLoss);
    this.#badLoss = null;
    const what = reports
      .flatMap((report, rank) =>
        report
          ? [
              `the loss of rank ${rank} is ${report.loss} in stage "${report.stage}", epoch ${report.epoch}, ` +
                `${report.loader} batch ${report.batch}`,
            ]
          : [],
      )
      .join("; ");
    if (this.options.onNan === "stop") {
      throw new RunError(
        `${what}; the samples' indices are in the rank's log; try a smaller learning rate, or leave such batches ` +
          "out with --on-nan skip",
      );
    }
    if (this.group.rank === 0) this.log.warn(`batch left out: ${what}`);
  }

  async gradients(): Promise<FlatGradients | null> {
    return (await this.#gradients?.read()) ?? null;
  }

  applyGradients(gradients: FlatGradients): void {
    applyGradients(this.optimizer, gradients);
  }

  async stateDict(): Promise<RunState | null> {
    const { parameters, optimizer, scheduler, callbacks } = this.stage;
    const midEpoch = this.epochDone ? null : await this.#midEpoch();
    if (this.group.rank !== 0) return null;
    const states = Object.entries(callbacks).flatMap(([name, callback]): [string, Json][] =>
      callback.stateDict ? [[name, callback.stateDict()]] : [],
    );
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
      worldSize: this.group.worldSize,
      midEpoch,
      stageDone: this.epochDone && (this.stopRequested || this.counters.stageEpochStep >= this.stageLen),
      callbacks: Object.fromEntries(states),
      history: this.history,
    };
  }

  async #midEpoch(): Promise<MidEpoch> {
    const mine = this.accumulators.flatMap(({ state }) => [...state]);
    return {
      loader: this.loaderKey,
      batches: this.batchIndex + 1,
      accumulators: await gatherJson(this.group, mine),
      loaders: this.loaderSummaries,
    };
  }

  /** Takes over everything from the state of the run that is resumed; the stage has been built. */
  async restore(state: RunState): Promise<void> {
    await this.loadStateDict(state, STATE_PARTS);
    Object.assign(this.counters, state.counters);
    for (const [name, callback] of Object.entries(this.stage.callbacks)) {
      if (name in state.callbacks) callback.loadStateDict?.(state.callbacks[name]);
    }
  }

  /** Puts this rank's sums and counts of a half-done loader back. */
  restoreAccumulators({ accumulators }: MidEpoch): void {
    const mine = accumulators[this.group.rank];
    let offset = 0;
    for (const { state } of this.accumulators) {
      state.set(mine.slice(offset, offset + state.length));
      offset += state.length;
    }
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
