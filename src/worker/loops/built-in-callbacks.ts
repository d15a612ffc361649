// What every run does, whatever the recipe: the same weights on all ranks and proof of it, metrics summed over
// ranks, results recorded and logged.
import { readWeights as readWeightsFile } from "../../checkpoint/format.js";
import { type Callback, CallbackOrder } from "../../core/callback.js";
import { RunError } from "../../core/errors.js";
import type { LogScope } from "../../core/metrics-logger.js";
import { gatherJson, sumOverRanks } from "../../core/process-group.js";
import { broadcastWeights, hashWeights, loadWeights } from "../state/weights.js";
import type { Run } from "./run.js";

/** Before every callback of a recipe, and after all of them. */
const FIRST = CallbackOrder.internal - 1;
const LAST = Number.MAX_SAFE_INTEGER;

/** The callbacks that the worker adds to a stage's own. */
export function builtInCallbacks(run: Run): Callback[] {
  return [
    initialWeights(run),
    equalWeights(run),
    sharedWeights(run),
    exactMetrics(run),
    ...badBatches(run),
    ...resultsAndLogs(run),
  ];
}

/** `--init-from`: the first stage starts from the file's weights. */
function initialWeights(run: Run): Callback {
  return {
    order: FIRST,
    onStageStart() {
      const { initFrom } = run.options;
      if (run.stageIndex > 0 || initFrom === null || run.group.rank !== 0) return;
      loadWeights(run.stage.parameters, readWeightsFile(initFrom), `--init-from ${initFrom}`);
    },
  };
}

/** Rank 0's weights go to all ranks once everything at a stage's start has been loaded. */
function sharedWeights(run: Run): Callback {
  const { group } = run;
  return {
    order: LAST,
    onStageStart: () => broadcastWeights(group, run.stage.parameters),
    async onLoaderEnd() {
      // Statistics such as moving averages differ between ranks after training: rank 0's count, as in torch.
      if (run.isTrainLoader) {
        await broadcastWeights(
          group,
          run.stage.parameters.filter(({ trainable }) => !trainable),
        );
      }
    },
  };
}

/** After every epoch: all ranks hold the same bits, or the run ends and says which do not. */
function equalWeights(run: Run): Callback {
  return {
    order: FIRST,
    async onEpochEnd() {
      // Whether to end here is agreed in the same message.
      const reports = await gatherJson(run.group, {
        hash: await hashWeights(run.stage.parameters),
        stop: run.agreement.stopAsked,
      });
      run.stopAgreed = reports.some(({ stop }) => stop);
      const hashes = reports.map(({ hash }) => hash);
      const different = hashes.flatMap((hash, rank) => (hash === hashes[0] ? [] : [rank]));
      if (different.length > 0) {
        throw new RunError(
          `after epoch ${run.counters.stageEpochStep} of stage "${run.stageKey}" the weights of rank(s) ` +
            `${different.join(", ")} differ from rank 0's`,
        );
      }
    },
  };
}

/** One reduction a loader: every metric's sums and counts in one vector. */
function exactMetrics(run: Run): Callback {
  return {
    order: CallbackOrder.aggregation - 1,
    async onLoaderEnd() {
      const states = run.accumulators.map(({ state }) => state);
      const mine = new Float64Array(states.reduce((sum, state) => sum + state.length, 0));
      let offset = 0;
      for (const state of states) {
        mine.set(state, offset);
        offset += state.length;
      }
      const total = await sumOverRanks(run.group, mine);
      offset = 0;
      for (const accumulator of run.accumulators) {
        accumulator.state.set(total.subarray(offset, offset + accumulator.state.length));
        offset += accumulator.state.length;
        Object.assign(run.loaderMetrics, accumulator.compute());
      }
    },
  };
}

/**
 * A loss that is not finite is noted before the ranks next talk. What they leave out does not count in the metrics:
 * those of the batches since the last step are taken back.
 */
function badBatches(run: Run): Callback[] {
  const canLeaveOut = run.options.onNan === "skip";
  let before: Float64Array[] | null = null;
  let pending = 0;
  const note: Callback = {
    order: FIRST,
    onLoaderStart() {
      before = null;
      pending = 0;
    },
    onBatchEnd() {
      const { lossKey } = run.stage;
      if (!run.isTrainLoader || lossKey === null) return;
      if (canLeaveOut) before ??= run.accumulators.map(({ state }) => state.slice());
      pending++;
      const loss = run.batchMetrics[lossKey];
      if (Number.isFinite(loss)) return;
      // Asked for only when needed: the indices of a batch cost a pass over the sampler.
      run.agreement.noteBad("loss", String(loss), run.position, run.loader.samplesOf?.(run.batchIndex));
    },
  };
  const takeBack: Callback = {
    order: CallbackOrder.optimizer + 1,
    onBatchEnd() {
      if (!run.agreement.hasStepped) return;
      if (run.agreement.isLeftOut) {
        run.accumulators.forEach(({ state }, i) => {
          if (before?.[i]) state.set(before[i]);
        });
        run.batchesLeftOut += pending;
      }
      before = null;
      pending = 0;
    },
    onLoaderEnd() {
      const count = run.batchesLeftOut;
      if (count === 0 || !run.isTrainLoader) return;
      const batches = count === 1 ? "1 batch" : `${count} batches`;
      run.notify(
        `${batches} of ${run.loaderKey} left out in epoch ${run.counters.stageEpochStep}, of which the loss or the ` +
          "gradient was not finite: the log of rank 0 lists them",
        "warn",
      );
    },
  };
  return [note, takeBack];
}

/** Times loaders and epochs, records them for the summary, and gives metrics to the loggers. */
function resultsAndLogs(run: Run): Callback[] {
  const loggers = Object.values(run.loggers);
  let epochStart = 0;
  let loaderStart = 0;
  let samplesBefore = 0;
  const scope = (): LogScope => ({
    stage: run.stageKey,
    epoch: run.counters.stageEpochStep,
    epochs: run.stageLen,
    batch: run.batchIndex,
    counters: run.counters,
  });
  const clock: Callback = {
    order: FIRST,
    onStageStart() {
      if (run.resumed) for (const logger of loggers) logger.rewind?.(run.resumed);
    },
    onEpochStart() {
      epochStart = performance.now();
    },
    onLoaderStart() {
      loaderStart = performance.now();
      // A resumed loader has done some of its samples in another life, whose seconds are not counted here.
      samplesBefore = run.counters.loaderSampleStep;
    },
  };
  const recorder: Callback = {
    order: LAST,
    onEpochStart() {
      // Loaders that a resumed epoch has done already: what was logged of it was taken back.
      for (const [key, { metrics }] of Object.entries(run.results.finishedLoaders)) {
        for (const logger of loggers) logger.logLoader?.(key, metrics, scope());
      }
    },
    onBatchEnd() {
      if (!run.isTrainLoader) return;
      for (const logger of loggers) logger.logBatch?.(run.loaderKey, run.batchMetrics, scope());
    },
    onLoaderEnd() {
      const seconds = (performance.now() - loaderStart) / 1000;
      const samples = run.counters.loaderSampleStep;
      const samples_per_second = (samples - samplesBefore) / seconds;
      const batches_left_out = run.batchesLeftOut;
      run.results.endLoader(run.loaderKey, { seconds, samples, samples_per_second, batches_left_out });
      for (const logger of loggers) logger.logLoader?.(run.loaderKey, run.loaderMetrics, scope());
      run.log.info(`${run.loaderKey} done`, { ...run.position, seconds, metrics: run.loaderMetrics });
    },
    onEpochEnd() {
      const seconds = (performance.now() - epochStart) / 1000;
      run.results.endEpoch(run.stageKey, run.counters.stageEpochStep, seconds);
      for (const logger of loggers) logger.logEpoch?.(scope());
    },
  };
  // On disk before the checkpoint that counts them as done.
  const durable: Callback = {
    order: FIRST,
    async onSave() {
      for (const logger of loggers) await logger.flush?.();
    },
  };
  return [clock, recorder, durable];
}
