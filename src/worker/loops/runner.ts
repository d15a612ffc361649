// The loops: run > stage > epoch > loader > batch. Each fires its start event, walks one level down, and fires its
// end event. On a start event the runner goes first and callbacks follow; on an end event callbacks go first.
import type { Callback } from "../../core/callback.js";
import type { Batch } from "../../core/loader.js";
import type { RunState } from "../../core/state.js";
import type { RunProgress, RunResults } from "../../core/summary.js";
import { tf } from "../../engine/tf.js";
import { agreeOnStage, type LoaderPlans } from "../stage/agreement.js";
import { buildStage } from "../stage/build.js";
import { loadResumeState } from "../state/resume.js";
import { restoreAccumulators, restoreSnapshot } from "../state/snapshot.js";
import { hashWeights } from "../state/weights.js";
import { standingCallbacks } from "./built-in-callbacks.js";
import { Run, type RunSetup } from "./run-context.js";

export interface RunnerSetup extends RunSetup {
  /** The checkpoint to go on from. */
  readonly resume?: string | null;
  /** Told the results so far after each epoch. */
  readonly onEpoch?: (progress: RunProgress) => void;
}

/** Far below what a person notices, far above what a turn of the event loop costs. */
const BREATH_EVERY_MS = 20;

type Event = Exclude<keyof Callback, "order" | "onForward" | "stateDict" | "loadStateDict">;

/** Thrown through the loops, on all ranks at the same place, when the run was asked to end. */
class Interruption extends Error {}

export class Runner {
  readonly #setup: RunnerSetup;
  readonly #run: Run;
  #callbacks: readonly Callback[] = [];
  #plans: LoaderPlans = {};
  #lastBreath = 0;
  /** What the stage, the epoch and the loader in which a resumed run goes on have yet to take over. */
  #resume: RunState | null = null;

  constructor(setup: RunnerSetup) {
    this.#setup = setup;
    this.#run = new Run(setup);
  }

  /** Trains to the end, or to where all ranks agreed to be interrupted. */
  async run(): Promise<{ results: RunResults; interrupted: boolean }> {
    const run = this.#run;
    try {
      const interrupted = await this.#runStages();
      const results = { ...this.#progress(), weights_sha256: await hashWeights(run.stage.parameters) };
      return { results, interrupted };
    } finally {
      run.leaveStage();
      for (const logger of Object.values(run.loggers)) await logger.close?.();
    }
  }

  /** True when interrupted. */
  async #runStages(): Promise<boolean> {
    const { stages, group } = this.#run;
    const { resume } = this.#setup;
    if (resume) this.#resume = await loadResumeState(resume, stages, group);
    const first = this.#resume ? stages.indexOf(this.#resume.stage) : 0;
    try {
      for (const [index, stage] of stages.entries()) if (index >= first) await this.#runStage(stage, index);
      return false;
    } catch (error) {
      if (error instanceof Interruption) return true;
      throw error;
    }
  }

  async #runStage(stageKey: string, index: number): Promise<void> {
    const run = this.#run;
    await this.#startStage(stageKey, index);
    while (!run.stopRequested && (this.#resume || run.counters.stageEpochStep < run.stageLen))
      await this.#runEpoch();
    await this.#fire("onStageEnd");
  }

  async #runEpoch(): Promise<void> {
    await this.#startEpoch();
    for (const loaderKey of Object.keys(this.#run.loaders)) {
      if (!(loaderKey in this.#run.loaderSummaries)) await this.#runLoader(loaderKey);
    }
    await this.#endEpoch();
  }

  async #runLoader(loaderKey: string): Promise<void> {
    const batches = await this.#startLoader(loaderKey);
    for (const batch of batches) await this.#runBatch(batch);
    await this.#endLoader();
  }

  async #runBatch(batch: Batch): Promise<void> {
    await this.#startBatch(batch);
    this.#forward(batch);
    await this.#endBatch(batch);
  }

  async #startStage(stageKey: string, index: number): Promise<void> {
    const run = this.#run;
    run.stageIndex = index;
    const stage = buildStage(run.recipe, stageKey, run.options.epochs);
    run.enterStage(stage);
    run.resumed = this.#resume && finishedEpochs(this.#resume);
    this.#callbacks = [...Object.values(stage.callbacks), ...standingCallbacks(run)].sort(
      (a, b) => a.order - b.order,
    );
    Object.assign(run.counters, { stageEpochStep: 0, stageBatchStep: 0, stageSampleStep: 0 });
    run.log.info(`stage ${stageKey}`, { epochs: stage.length });
    this.#plans = await agreeOnStage(run.group, stage);
    await this.#fire("onStageStart");
    if (this.#resume) await this.#restoreStage(this.#resume);
  }

  async #restoreStage(state: RunState): Promise<void> {
    const run = this.#run;
    await restoreSnapshot(run, state);
    run.log.info("resumed", { stage: state.stage, epoch: state.epoch, midEpoch: state.midEpoch !== null });
    // Only what lies within an epoch is left to take over.
    if (!state.midEpoch) this.#resume = null;
  }

  async #startEpoch(): Promise<void> {
    const run = this.#run;
    run.epochDone = false;
    run.epochMetrics = {};
    run.loaderSummaries = {};
    if (this.#resume?.midEpoch) {
      run.epochMetrics = structuredClone(this.#resume.metrics) as Run["epochMetrics"];
      run.loaderSummaries = { ...this.#resume.midEpoch.loaders };
    } else {
      run.counters.globalEpochStep++;
      run.counters.stageEpochStep++;
    }
    // The first epoch of the run is epoch 0 for samplers, as in `for (epoch = 0; ...) sampler.setEpoch(epoch)`.
    for (const { sampler } of Object.values(run.loaders))
      sampler?.setEpoch?.(run.counters.globalEpochStep - 1);
    await this.#fire("onEpochStart");
  }

  async #endEpoch(): Promise<void> {
    const run = this.#run;
    run.epochDone = true;
    await this.#fire("onEpochEnd");
    await this.#fire("onSave");
    this.#setup.onEpoch?.(this.#progress());
    if (run.stopAgreed) throw new Interruption();
  }

  async #startLoader(loaderKey: string): Promise<Iterable<Batch>> {
    const run = this.#run;
    const mid = this.#resume?.midEpoch;
    run.loaderKey = loaderKey;
    run.recipe.training = run.isTrainLoader;
    run.batchIndex = (mid?.batches ?? 0) - 1;
    run.loaderMetrics = {};
    run.accumulators = [];
    if (!mid) Object.assign(run.counters, { loaderBatchStep: 0, loaderSampleStep: 0 });
    run.onPosition(run.position);
    await this.#fire("onLoaderStart");
    if (!mid) return run.loader;
    restoreAccumulators(run, mid);
    this.#resume = null;
    return run.loader.from?.(mid.batches) ?? skip(run.loader, mid.batches);
  }

  async #startBatch(batch: Batch): Promise<void> {
    const run = this.#run;
    run.signals.beginBatch(run.isTrainLoader);
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
    run.onPosition(run.position);
    await this.#breathe();
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
    for (const [key, tensor] of Object.entries(run.batchTensors)) {
      run.batchMetrics[key] = (await tensor.data())[0];
    }
    run.noteLoss();
    await this.#fire("onBatchEnd");
    if (run.signals.saveNow) await this.#fire("onSave");
    run.clearBatch();
    tf.dispose(Object.values(batch));
    if (run.signals.stopHere) throw new Interruption();
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

  /**
   * Lets the event loop turn now and then. Without a message to wait for (one worker, or gradients exchanged through
   * memory) a whole epoch may run without a turn of it, and an interruption, a lost launcher or an unhandled rejection
   * would wait as long.
   */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#lastBreath < BREATH_EVERY_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastBreath = performance.now();
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

  #progress(): RunProgress {
    const { history, checkpoints } = this.#run;
    return { stages: history, ...checkpoints };
  }
}

/** The counters of a state, with its epoch counted only when it was finished. */
function finishedEpochs({ counters, midEpoch }: RunState): RunState["counters"] {
  return { ...counters, globalEpochStep: counters.globalEpochStep - (midEpoch ? 1 : 0) };
}

function* skip(batches: Iterable<Batch>, count: number): Generator<Batch> {
  let left = count;
  for (const batch of batches) {
    if (left-- <= 0) yield batch;
    else tf.dispose(Object.values(batch));
  }
}
