// The state of a run on this rank: where it is, what the stage is made of, what the current batch gave. Callbacks
// see it as their RunContext; the loops in runner.ts move it on.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { Accumulator, FlatGradients, RunContext, StatePart } from "../../core/context.js";
import { RunError } from "../../core/errors.js";
import type { Loader } from "../../core/loader.js";
import type { MetricsLogger } from "../../core/metrics-logger.js";
import type { TrainOptions } from "../../core/options/train-options.js";
import type { ProcessGroup } from "../../core/process-group.js";
import type { Log } from "../../core/process-log.js";
import type { Position } from "../../core/protocol.js";
import { RandomStream } from "../../core/random-stream.js";
import type { Recipe } from "../../core/recipe.js";
import type { Counters, RunState } from "../../core/state.js";
import type { BestSummary } from "../../core/summary.js";
import { applyGradients } from "../../engine/apply-gradients.js";
import { syncScalars } from "../../engine/optimizer-state.js";
import { tf } from "../../engine/tf.js";
import { ConsoleLogger } from "../../loggers/console.js";
import { StepAgreement } from "../gradients/agreement.js";
import { averageGradients } from "../gradients/average.js";
import type { Gradients } from "../gradients/compute.js";
import type { LoaderPlans } from "../stage/agreement.js";
import type { Stage } from "../stage/stage.js";
import { SaveSchedule } from "../state/save-schedule.js";
import { restoreParts, type StateOwner, takeSnapshot } from "../state/snapshot.js";
import { newCounters } from "./counters.js";
import { HostBatch } from "./host-batch.js";
import { Results } from "./results.js";

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
  /** A line for the person watching, from rank 0. */
  readonly onNotice?: (message: string, level: "info" | "warn") => void;
  /** Aborted when the launcher asks the run to end; ranks agree in the next reduction on where. */
  readonly interrupted?: AbortSignal;
}

/** The recipe's loggers; `--quiet` quiets those on the console. */
function loggersOf({ recipe, options }: RunSetup): Readonly<Record<string, MetricsLogger>> {
  const loggers = recipe.getLoggers?.() ?? {};
  if (options.verbosity !== "quiet") return loggers;
  return Object.fromEntries(
    Object.entries(loggers).filter(([, logger]) => !(logger instanceof ConsoleLogger)),
  );
}

export class Run implements RunContext, StateOwner {
  readonly recipe: Recipe;
  readonly recipeName: string;
  readonly options: TrainOptions;
  readonly group: ProcessGroup;
  readonly log: Log;
  readonly loggers: Readonly<Record<string, MetricsLogger>>;
  readonly stages: readonly string[];
  readonly onPosition: (position: Position) => void;
  readonly agreement: StepAgreement;
  readonly saves: SaveSchedule;
  readonly results = new Results();
  readonly counters: Counters = newCounters();
  readonly random: RandomStream;
  readonly checkpoints: { best: BestSummary | null; last: { readonly path: string } | null } = {
    best: null,
    last: null,
  };
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
  /** What each rank will see of the stage's loaders. */
  plans: LoaderPlans = {};
  loaderMetrics: Record<string, number> = {};
  /** Batches of the current pass that were left out, see {@link StepAgreement}. */
  batchesLeftOut = 0;
  readonly #onNotice: RunSetup["onNotice"];
  readonly #hostBatch = new HostBatch();
  #stage: Stage | null = null;

  constructor(setup: RunSetup) {
    this.recipe = setup.recipe;
    this.recipeName = setup.recipeName;
    this.stages = setup.stages;
    this.options = setup.options;
    this.group = setup.group;
    this.log = setup.log;
    this.onPosition = setup.onPosition;
    this.#onNotice = setup.onNotice;
    const { group, log, options, interrupted } = setup;
    this.agreement = new StepAgreement({ group, log, onNan: options.onNan, interrupted });
    this.saves = new SaveSchedule(options.checkpointEvery);
    this.random = new RandomStream(options.seed, group.rank);
    this.recipe.random = this.random;
    this.loggers = group.rank === 0 ? loggersOf(setup) : {};
  }

  get stage(): Stage {
    if (!this.#stage) throw new RunError("no stage has been built yet");
    return this.#stage;
  }
  get #gradients(): Gradients {
    return this.stage.gradients;
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
  get epochMetrics(): Record<string, Record<string, number>> {
    return this.results.epochMetrics;
  }
  get position(): Position {
    const { stageEpochStep: epoch } = this.counters;
    return { stage: this.stageKey ?? "", epoch, loader: this.loaderKey, batch: this.batchIndex + 1 };
  }

  /** Takes over a newly built stage and lets go of the one before. */
  async enterStage(stage: Stage): Promise<void> {
    const before = this.#stage;
    this.#stage = stage;
    this.stopRequested = false;
    await before?.leave(stage);
  }

  /** Frees what the run still holds. */
  dispose(): void {
    this.random.release();
    this.#stage?.dispose();
    this.#stage = null;
  }

  /** Draws from here on what the next batch draws, in making it and in computing with it. */
  beginRandomBatch(): void {
    this.random.beginBatch(this.counters.globalBatchStep);
    this.random.use();
  }

  /** Forgets what the last batch left. */
  clearBatch(): void {
    tf.dispose(this.recipe.batch);
    tf.dispose(this.batchTensors);
    this.#gradients.dispose();
    this.#hostBatch.clear();
    this.recipe.batch = {};
    this.batchTensors = {};
    this.batchMetrics = {};
  }

  readBatch(key: string): Promise<Float32Array | Int32Array | Uint8Array> {
    return this.#hostBatch.read(key, this.batch[key]);
  }

  async gradients(): Promise<FlatGradients | null> {
    return this.#gradients.areComputed ? await this.#gradients.readAll() : null;
  }

  async reduceGradients(given?: FlatGradients): Promise<FlatGradients | null> {
    if (!given && !this.#gradients.areComputed) return null;
    const { group, agreement, options } = this;
    const place = (): [Position, Int32Array | undefined] => [
      this.position,
      this.loader.samplesOf?.(this.batchIndex),
    ];
    const { wire } = options;
    const mean = await averageGradients(this.#gradients, given, { group, agreement, wire, place });
    this.saves.afterStep(agreement.stopHere);
    return mean;
  }

  applyGradients(gradients: FlatGradients): void {
    syncScalars(this.optimizer);
    applyGradients(this.optimizer, gradients);
    this.stage.constraints.apply();
  }

  stateDict(): Promise<RunState | null> {
    return takeSnapshot(this);
  }

  loadStateDict(state: RunState, parts: readonly StatePart[]): Promise<void> {
    return restoreParts(this, state, parts);
  }

  notify(message: string, level: "info" | "warn" = "info"): void {
    if (this.group.rank !== 0) return;
    this.log[level](message);
    this.#onNotice?.(message, level);
  }

  stopStage(): void {
    this.stopRequested = true;
  }
}
