// A small state of a run for tests of checkpoints and loggers.
import type { Counters, RunState } from "../../src/core/state.js";

/** Counters after `globalEpochStep` epochs of 100 samples. */
export function countersAt(globalEpochStep: number, globalSampleStep = globalEpochStep * 100): Counters {
  return {
    globalEpochStep,
    globalBatchStep: globalEpochStep * 10,
    globalSampleStep,
    stageEpochStep: 1,
    stageBatchStep: 2,
    stageSampleStep: 3,
    loaderBatchStep: 4,
    loaderSampleStep: 5,
  };
}

/** The state after an epoch whose valid loss was `loss`; its one weight is filled with the epoch's number. */
export function stateAt(stage: string, epoch: number, loss: number, globalEpochStep = epoch): RunState {
  return {
    model: { "dense1/kernel": { dtype: "F32", shape: [2, 3], data: new Float32Array(6).fill(epoch) } },
    optimizer: { "dense1/kernel/m": { dtype: "F32", shape: [6], data: new Float32Array(6).fill(0.5) } },
    optimizerSettings: { class: "Adam", numbers: { learningRate: 0.001 } },
    criterion: null,
    scheduler: null,
    counters: countersAt(globalEpochStep),
    recipe: "mnist",
    stage,
    epoch,
    metrics: { train: { loss: loss + 1 }, valid: { loss, accuracy: 1 - loss } },
    worldSize: 2,
    loaders: {},
    midEpoch: null,
    stageDone: false,
    callbacks: {},
    history: [],
  };
}
