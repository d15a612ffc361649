// The state of a run on this rank: where it is, what the stage is made of, what the current batch gave. Callbacks
// see it as their RunContext; the loops in runner.ts move it on.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { Accumulator, FlatGradients, RunContext, StatePart } from "../../core/context.js";
import { RunError, UsageError } from "../../core/errors.js";
import type { Loader } from "../../core/loader.js";
import type { MetricsLogger } from "../../core/metrics-logger.js";
import type { TrainOptions } from "../../core/options/train-options.js";
import type { ProcessGroup } from "../../core/process-group.js";
import type { Log } from "../../core/process-log.js";
import type { Position } from "../../core/protocol.js";
import type { Recipe } from "../../core/recipe.js";
import type { Counters, RunState } from "../../core/state.js";
import type { BestSummary, EpochSummary, LoaderSummary, StageSummary } from "../../core/summary.js";
import { applyGradients } from "../../engine/apply-gradients.js";
import { tf } from "../../engine/tf.js";
import { planBuckets } from "../gradients/buckets.js";
import { Gradients } from "../gradients/compute.js";
import { StepSignals } from "../gradients/step-signals.js";
import type { Stage } from "../stage/build.js";
import { restoreParts, takeSnapshot } from "../state/snapshot.js";

/** What a run is started with. */
export interface RunSetup {
  readonly recipe: Recipe;
  readonly recipeName: string;
  readonly stages: readonly string[];
  readonly options: TrainOptions;
  readonly group: ProcessGroup;
  readonly log: Log;
  /** Told where the run is, at each loader's and each batch's start. */
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
  readonly signals: StepSignals;
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
  /** True once all ranks have agreed to end after this epoch. */
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
    this.signals = new StepSignals({ ...setup, ...setup.options, interrupted: setup.interrupted });
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
    this.#gradients = new Gradients(stage.parameters, this.#bucketBytes);
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

  /** Keeps a bad loss of a train batch until the ranks next talk. */
  noteLoss(): void {
    const { lossKey } = this.stage;
    if (!this.isTrainLoader || lossKey === null) return;
    const loss = this.batchMetrics[lossKey];
    // Asked for only when needed: the indices of a batch cost a pass over the sampler.
    const samples = Number.isFinite(loss) ? undefined : this.loader.samplesOf?.(this.batchIndex);
    this.signals.noteLoss(loss, this.position, samples);
  }

  async gradients(): Promise<FlatGradients | null> {
    const gradients = this.#gradients;
    if (!gradients?.areComputed) return null;
    for (const bucket of gradients.buckets) await gradients.read(bucket);
    gradients.dispose();
    return gradients.values;
  }

  async reduceGradients(given?: FlatGradients): Promise<FlatGradients | null> {
    if (given) {
      const counts = await this.signals.reduce(given, planBuckets(given.parameters, this.#bucketBytes));
      return counts ? given : null;
    }
    const gradients = this.#gradients;
    if (!gradients?.areComputed) return null;
    const { values, buckets } = gradients;
    const counts = await this.signals.reduce(values, buckets, (bucket) => gradients.read(bucket));
    gradients.dispose();
    return counts ? values : null;
  }

  applyGradients(gradients: FlatGradients): void {
    applyGradients(this.optimizer, gradients);
  }

  stateDict(): Promise<RunState | null> {
    return takeSnapshot(this);
  }

  loadStateDict(state: RunState, parts: readonly StatePart[]): Promise<void> {
    return restoreParts(this, state, parts);
  }

  get #bucketBytes(): number {
    return this.options.bucketMb * 2 ** 20;
  }

  stopStage(): void {
    this.stopRequested = true;
  }
}
