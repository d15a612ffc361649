// The loops: run > stage > epoch > loader > batch. Each fires its start event, walks one level down, and fires its
// end event. On a start event the runner goes first and callbacks follow; on an end event callbacks go first.
import type { Callback } from "../core/callback.js";
import type { Batch } from "../core/loader.js";
import type { RunResults } from "../core/summary.js";
import { tf } from "../engine/tf.js";
import { agreeOnStage, type LoaderPlans } from "./agreement.js";
import { Run, type RunSetup } from "./run.js";
import { buildStage } from "./stage.js";
import { standingCallbacks } from "./standing-callbacks.js";
import { hashWeights } from "./weights.js";

type Event = Exclude<keyof Callback, "order" | "onForward">;
/** How often the launcher hears which batch this is, at most. */
const POSITION_EVERY_MS = 200;

export class Runner {
  readonly #run: Run;
  #callbacks: readonly Callback[] = [];
  #plans: LoaderPlans = {};
  #lastPosition = 0;

  constructor(setup: RunSetup) {
    this.#run = new Run(setup);
  }

  /** Where the run is, for the report when it breaks. */
  get position() {
    return this.#run.position;
  }

  async run(): Promise<RunResults> {
    const run = this.#run;
    try {
      for (const stage of run.stages) await this.#runStage(stage);
      return {
        stages: run.history,
        ...run.checkpoints,
        weights_sha256: await hashWeights(run.stage.parameters),
      };
    } finally {
      run.leaveStage();
      for (const logger of Object.values(run.loggers)) await logger.close?.();
    }
  }

  async #runStage(stageKey: string): Promise<void> {
    await this.#startStage(stageKey);
    for (let epoch = 1; epoch <= this.#run.stageLen && !this.#run.stopRequested; epoch++)
      await this.#runEpoch();
    await this.#fire("onStageEnd");
  }

  async #runEpoch(): Promise<void> {
    await this.#startEpoch();
    for (const loaderKey of Object.keys(this.#run.loaders)) await this.#runLoader(loaderKey);
    await this.#fire("onEpochEnd");
  }

  async #runLoader(loaderKey: string): Promise<void> {
    await this.#startLoader(loaderKey);
    for (const batch of this.#run.loader) await this.#runBatch(batch);
    await this.#endLoader();
  }

  async #runBatch(batch: Batch): Promise<void> {
    await this.#startBatch(batch);
    this.#forward(batch);
    await this.#endBatch(batch);
  }

  async #startStage(stageKey: string): Promise<void> {
    const run = this.#run;
    run.stageIndex++;
    const stage = buildStage(run.recipe, stageKey, run.options.epochs);
    run.enterStage(stage);
    this.#callbacks = [...Object.values(stage.callbacks), ...standingCallbacks(run)].sort(
      (a, b) => a.order - b.order,
    );
    Object.assign(run.counters, { stageEpochStep: 0, stageBatchStep: 0, stageSampleStep: 0 });
    run.log.info(`stage ${stageKey}`, { epochs: stage.length });
    this.#plans = await agreeOnStage(run.group, stage);
    await this.#fire("onStageStart");
  }

  async #startEpoch(): Promise<void> {
    const run = this.#run;
    run.counters.globalEpochStep++;
    run.counters.stageEpochStep++;
    run.epochMetrics = {};
    // The first epoch of the run is epoch 0 for samplers, as in `for (epoch = 0; ...) sampler.setEpoch(epoch)`.
    for (const { sampler } of Object.values(run.loaders))
      sampler?.setEpoch?.(run.counters.globalEpochStep - 1);
    await this.#fire("onEpochStart");
  }

  async #startLoader(loaderKey: string): Promise<void> {
    const run = this.#run;
    run.loaderKey = loaderKey;
    run.recipe.training = run.isTrainLoader;
    run.batchIndex = -1;
    run.loaderMetrics = {};
    run.accumulators = [];
    Object.assign(run.counters, { loaderBatchStep: 0, loaderSampleStep: 0 });
    this.#reportPosition();
    await this.#fire("onLoaderStart");
  }

  async #startBatch(batch: Batch): Promise<void> {
    const run = this.#run;
    run.batchIndex++;
    run.batchSize = Object.values(batch)[0].shape[0] ?? 1;
    const { batchSize } = run.loader;
    const before = run.batchIndex * batchSize;
    // What all ranks process in this step, known without asking them: each has its share minus what is done.
    const samples = this.#plans[run.loaderKey].samples.reduce(
      (sum, share) => sum + Math.min(batchSize, Math.max(0, share - before)),
      0,
    );
    this.#advance(run.group.worldSize, samples);
    if (performance.now() - this.#lastPosition > POSITION_EVERY_MS) this.#reportPosition();
    await this.#fire("onBatchStart");
  }

  #forward(batch: Batch): void {
    const run = this.#run;
    run.forward(() => {
      run.recipe.handleBatch(batch);
      for (const callback of this.#callbacks) callback.onForward?.(run);
      // They outlive the scope in which they were made; clearBatch disposes of them.
      for (const tensor of Object.values(run.recipe.batch)) tf.keep(tensor);
      for (const tensor of Object.values(run.batchTensors)) tf.keep(tensor);
    });
  }

  async #endBatch(batch: Batch): Promise<void> {
    const run = this.#run;
    for (const [key, tensor] of Object.entries(run.batchTensors))
      run.batchMetrics[key] = (await tensor.data())[0];
    await this.#fire("onBatchEnd");
    run.clearBatch();
    tf.dispose(Object.values(batch));
  }

  async #endLoader(): Promise<void> {
    const run = this.#run;
    // A rank with a batch less than others ends its pass with the same counters as they.
    const { samples, batches } = this.#plans[run.loaderKey];
    const total = samples.reduce((sum, share) => sum + share, 0);
    this.#advance(
      batches * run.group.worldSize - run.counters.loaderBatchStep,
      total - run.counters.loaderSampleStep,
    );
    run.epochMetrics[run.loaderKey] = run.loaderMetrics;
    await this.#fire("onLoaderEnd");
  }

  #advance(batches: number, samples: number): void {
    const { counters } = this.#run;
    counters.loaderBatchStep += batches;
    counters.stageBatchStep += batches;
    counters.globalBatchStep += batches;
    counters.loaderSampleStep += samples;
    counters.stageSampleStep += samples;
    counters.globalSampleStep += samples;
  }

  async #fire(event: Event): Promise<void> {
    for (const callback of this.#callbacks) {
      // Most hooks are synchronous: awaiting only promises saves a turn of the event loop for each.
      const pending = callback[event]?.(this.#run);
      if (pending) await pending;
    }
  }

  #reportPosition(): void {
    this.#lastPosition = performance.now();
    this.#run.onPosition(this.#run.position);
  }
}
