// The loops: run > stage > epoch > loader > batch. Each fires its start event, walks one level down, and fires its
// end event. On a start event the runner goes first and callbacks follow; on an end event callbacks go first.
import type { Callback } from "../../core/callback.js";
import type { Batch, Batches } from "../../core/loader.js";
import { gatherJson } from "../../core/process-group.js";
import type { RunState } from "../../core/state.js";
import type { RunProgress, RunResults } from "../../core/summary.js";
import { tf } from "../../engine/tf.js";
import { warnsOfSoftmax } from "../../losses/softmax-warning.js";
import { agreeOnStage } from "../stage/agreement.js";
import { buildStage } from "../stage/build.js";
import { Stage } from "../stage/stage.js";
import { loadResumeState } from "../state/resume.js";
import { requireSameLoaders, restoreAccumulators, restoreSnapshot } from "../state/snapshot.js";
import { hashWeights } from "../state/weights.js";
import { builtInCallbacks } from "./built-in-callbacks.js";
import { advance, countFinishedEpochs } from "./counters.js";
import { EventLoop } from "./event-loop.js";
import { forward, requireBatch } from "./forward.js";
import { Run, type RunSetup } from "./run.js";
import { skipBatches } from "./skip-batches.js";

export interface RunnerSetup extends RunSetup {
  /** The checkpoint to go on from. */
  readonly resume?: string | null;
  /** Told the results so far after each epoch. */
  readonly onEpoch?: (progress: RunProgress) => void;
}

const MEGABYTE = 2 ** 20;

type Event = Exclude<Extract<keyof Callback, `on${string}`>, "onForward">;

/** Thrown through the loops, on all ranks at the same place, when the run was asked to end. */
class Interruption extends Error {}

export class Runner {
  readonly #setup: RunnerSetup;
  readonly #run: Run;
  #callbacks: readonly Callback[] = [];
  /** The recipe's names for its callbacks. */
  #names: ReadonlyMap<Callback, string> = new Map();
  readonly #eventLoop = new EventLoop();
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
      run.dispose();
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
    const { results, loaders } = this.#run;
    const finished = results.finishedLoaders;
    for (const loaderKey of Object.keys(loaders))
      if (!(loaderKey in finished)) await this.#runLoader(loaderKey);
    await this.#endEpoch();
  }

  async #runLoader(loaderKey: string): Promise<void> {
    const batches = await this.#startLoader(loaderKey);
    if (Symbol.asyncIterator in batches) {
      for await (const batch of batches) if (!(await this.#runBatch(batch))) break;
    } else {
      for (const batch of batches) {
        if (!(await this.#runBatch(batch instanceof Promise ? await batch : batch))) break;
      }
    }
    await this.#endLoader();
  }

  /** False when no further batch is to follow. */
  async #runBatch(batch: Batch): Promise<boolean> {
    await this.#startBatch(batch);
    const pending = forward(this.#run, this.#callbacks, batch);
    if (pending) await pending;
    await this.#endBatch(batch);
    // Without gradients to travel ranks cannot agree on a batch: each stops where it is, and the pass is repeated.
    return this.#run.isTrainLoader || !this.#run.agreement.stopAsked;
  }

  async #startStage(stageKey: string, index: number): Promise<void> {
    const run = this.#run;
    run.stageIndex = index;
    Object.assign(run, { loaderKey: "", batchIndex: -1 });
    Object.assign(run.counters, { stageEpochStep: 0, stageBatchStep: 0, stageSampleStep: 0 });
    run.onPosition(run.position);
    run.random.beginStage(index);
    run.random.use();
    const parts = await buildStage(run.recipe, stageKey, run.options, run.group);
    const stage = new Stage(parts, {
      bucketBytes: run.options.bucketMb * MEGABYTE,
      freezeBatchNorm: run.recipe.freezeBatchNorm ?? true,
    });
    await run.enterStage(stage);
    run.resumed = this.#resume && countFinishedEpochs(this.#resume.counters, this.#resume.midEpoch !== null);
    this.#names = new Map(Object.entries(stage.callbacks).map(([name, callback]) => [callback, name]));
    this.#callbacks = [...Object.values(stage.callbacks), ...builtInCallbacks(run)].sort(
      (a, b) => a.order - b.order,
    );
    run.log.info(`stage ${stageKey}`, { epochs: stage.length });
    run.plans = await agreeOnStage(run.group, stage);
    const warning = warnsOfSoftmax(run.model, run.criterion);
    if (warning !== null) run.notify(warning, "warn");
    await this.#fire("onStageStart");
    if (this.#resume) await this.#restoreStage(this.#resume);
  }

  async #restoreStage(state: RunState): Promise<void> {
    const run = this.#run;
    if (!run.options.allowChangedData) requireSameLoaders(run, state);
    await restoreSnapshot(run, state);
    run.log.info("resumed", { stage: state.stage, epoch: state.epoch, midEpoch: state.midEpoch !== null });
    // Only what lies within an epoch is left to take over.
    if (!state.midEpoch) this.#resume = null;
  }

  async #startEpoch(): Promise<void> {
    const { counters, results, loaders } = this.#run;
    this.#run.epochDone = false;
    results.startEpoch(this.#resume?.midEpoch?.loaders);
    if (!this.#resume?.midEpoch) {
      counters.globalEpochStep++;
      counters.stageEpochStep++;
    }
    // The first epoch of the run is epoch 0 for samplers, as in `for (epoch = 0; ...) sampler.setEpoch(epoch)`.
    for (const { sampler } of Object.values(loaders)) sampler?.setEpoch?.(counters.globalEpochStep - 1);
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

  async #startLoader(loaderKey: string): Promise<Batches> {
    const run = this.#run;
    const mid = this.#resume?.midEpoch;
    run.loaderKey = loaderKey;
    run.recipe.training = run.isTrainLoader;
    run.batchIndex = (mid?.batches ?? 0) - 1;
    run.loaderMetrics = run.results.startLoader(loaderKey);
    run.accumulators = [];
    run.batchesLeftOut = mid?.batchesLeftOut ?? 0;
    if (!mid) Object.assign(run.counters, { loaderBatchStep: 0, loaderSampleStep: 0 });
    run.onPosition(run.position);
    await this.#fire("onLoaderStart");
    // A stage is built with loaders that can be walked.
    const batches = run.loader as Batches;
    run.beginRandomBatch();
    if (!mid) return batches;
    restoreAccumulators(run.group.rank, run.accumulators, mid);
    this.#resume = null;
    return run.loader.from?.(mid.batches) ?? skipBatches(batches, mid.batches, () => run.beginRandomBatch());
  }

  async #startBatch(batch: Batch): Promise<void> {
    const run = this.#run;
    run.agreement.beginBatch();
    run.saves.beginBatch(run.isTrainLoader);
    run.batchIndex++;
    run.batchSize = requireBatch(run, batch);
    const { batchSize } = run.loader;
    const before = run.batchIndex * batchSize;
    // What all ranks process in this step, known without asking them: each has its share minus what is done.
    const samples = run.plans[run.loaderKey].samples.reduce(
      (sum, share) => sum + Math.min(batchSize, Math.max(0, share - before)),
      0,
    );
    advance(run.counters, run.group.worldSize, samples);
    run.onPosition(run.position);
    await this.#eventLoop.yieldToIt();
    await this.#fire("onBatchStart");
    if (run.isTrainLoader && run.stage.refreshTrainable())
      run.log.info("other weights train from here", run.position);
  }

  async #endBatch(batch: Batch): Promise<void> {
    const run = this.#run;
    for (const [key, tensor] of Object.entries(run.batchTensors)) {
      run.batchMetrics[key] = (await tensor.data())[0];
    }
    await this.#fire("onBatchEnd");
    if (run.saves.isDue) await this.#fire("onSave");
    run.clearBatch();
    tf.dispose(Object.values(batch));
    run.beginRandomBatch();
    if (run.agreement.stopHere) throw new Interruption();
  }

  async #endLoader(): Promise<void> {
    const run = this.#run;
    if (!run.isTrainLoader && (await this.#isCut())) await this.#repeatLater();
    // A rank with a batch less than others ends its pass with the same counters as they.
    const { samples, batches } = run.plans[run.loaderKey];
    const total = samples.reduce((sum, share) => sum + share, 0);
    const { loaderBatchStep, loaderSampleStep } = run.counters;
    advance(run.counters, batches * run.group.worldSize - loaderBatchStep, total - loaderSampleStep);
    await this.#fire("onLoaderEnd");
  }

  /** Whether any rank was asked to end the run; alike on all ranks. */
  async #isCut(): Promise<boolean> {
    const { group, agreement } = this.#run;
    return (await gatherJson(group, agreement.stopAsked)).includes(true);
  }

  /** Ends the run with a pass undone: it is saved as it was when the pass began. */
  async #repeatLater(): Promise<never> {
    const run = this.#run;
    const { loaderBatchStep, loaderSampleStep } = run.counters;
    advance(run.counters, -loaderBatchStep, -loaderSampleStep);
    run.batchIndex = -1;
    for (const { state } of run.accumulators) state.fill(0);
    await this.#fire("onSave");
    throw new Interruption();
  }

  async #fire(event: Event): Promise<void> {
    const run = this.#run;
    const isBatch = event === "onBatchStart" || event === "onBatchEnd";
    for (const callback of this.#callbacks) {
      if (!callback[event]) continue;
      // Between batches a callback may take its time, and the others' patience: whoever looks is told which one does.
      const name = isBatch ? undefined : this.#names.get(callback);
      if (name !== undefined) run.onPosition({ ...run.position, callback: `${event} of callback "${name}"` });
      // Most hooks are synchronous: awaiting only promises saves a turn of the event loop for each.
      const pending = callback[event](run);
      if (pending) await pending;
      if (name !== undefined) run.onPosition(run.position);
    }
  }

  #progress(): RunProgress {
    const { results, checkpoints } = this.#run;
    return { stages: results.history, ...checkpoints };
  }
}
