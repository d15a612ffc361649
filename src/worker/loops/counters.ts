// The run's step counters: batches advance by world size, samples by what all ranks have seen.
import type { Counters } from "../../core/state.js";

export function newCounters(): Counters {
  return {
    globalEpochStep: 0,
    globalBatchStep: 0,
    globalSampleStep: 0,
    stageEpochStep: 0,
    stageBatchStep: 0,
    stageSampleStep: 0,
    loaderBatchStep: 0,
    loaderSampleStep: 0,
  };
}

/** Counts these batches and samples of all ranks, in the loader, the stage and the run. */
export function advance(counters: Counters, batches: number, samples: number): void {
  counters.loaderBatchStep += batches;
  counters.stageBatchStep += batches;
  counters.globalBatchStep += batches;
  counters.loaderSampleStep += samples;
  counters.stageSampleStep += samples;
  counters.globalSampleStep += samples;
}

/** The counters of a run that is resumed, with its epoch counted only when it was finished. */
export function countFinishedEpochs(counters: Readonly<Counters>, isMidEpoch: boolean): Counters {
  return { ...counters, globalEpochStep: counters.globalEpochStep - (isMidEpoch ? 1 : 0) };
}
