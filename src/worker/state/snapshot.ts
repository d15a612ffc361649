// The state of a run as a checkpoint holds it: taken, and put back.
import { STATE_PARTS, type StatePart } from "../../core/context.js";
import { gatherJson } from "../../core/process-group.js";
import type { Json, MidEpoch, RunState } from "../../core/state.js";
import { loadOptimizer, readOptimizer } from "../../engine/optimizer-state.js";
import type { Run } from "../loops/run-context.js";
import { loadWeights, readWeights } from "./weights.js";

/** The state of everything, on rank 0; null on the others, which must call it too. */
export async function takeSnapshot(run: Run): Promise<RunState | null> {
  const { stage, counters, group } = run;
  const midEpoch = run.epochDone ? null : await takeMidEpoch(run);
  if (group.rank !== 0) return null;
  return {
    model: await readWeights(stage.parameters),
    optimizer: await readOptimizer(stage.optimizer, stage.parameters),
    criterion: null,
    scheduler: stage.scheduler?.stateDict() ?? null,
    counters: { ...counters },
    recipe: run.recipeName,
    stage: stage.key,
    epoch: counters.stageEpochStep,
    metrics: run.epochMetrics,
    worldSize: group.worldSize,
    midEpoch,
    stageDone: run.epochDone && (run.stopRequested || counters.stageEpochStep >= stage.length),
    callbacks: callbackStates(run),
    history: run.history,
  };
}

function callbackStates({ stage }: Run): Record<string, Json> {
  const states: Record<string, Json> = {};
  for (const [name, callback] of Object.entries(stage.callbacks)) {
    if (callback.stateDict) states[name] = callback.stateDict();
  }
  return states;
}

async function takeMidEpoch(run: Run): Promise<MidEpoch> {
  const mine = run.accumulators.flatMap(({ state }) => [...state]);
  return {
    loader: run.loaderKey,
    batches: run.batchIndex + 1,
    accumulators: await gatherJson(run.group, mine),
    loaders: run.loaderSummaries,
  };
}

/** Takes over everything from the state of the run that is resumed; the stage has been built. */
export async function restoreSnapshot(run: Run, state: RunState): Promise<void> {
  await restoreParts(run, state, STATE_PARTS);
  Object.assign(run.counters, state.counters);
  run.history = [...state.history];
  run.stopRequested = state.stageDone;
  for (const [name, callback] of Object.entries(run.stage.callbacks)) {
    if (name in state.callbacks) callback.loadStateDict?.(state.callbacks[name]);
  }
}

/** Takes over some parts. @throws UsageError when the state is of another model or optimizer. */
export async function restoreParts(run: Run, state: RunState, parts: readonly StatePart[]): Promise<void> {
  const { stage, counters } = run;
  const take: Record<StatePart, () => void | Promise<void>> = {
    model: () => loadWeights(stage.parameters, state.model, `the checkpoint ${state.stage}.${state.epoch}`),
    // A criterion is a function: nothing of it is kept.
    criterion: () => {},
    optimizer: () => loadOptimizer(stage.optimizer, state.optimizer),
    scheduler: () => {
      if (state.scheduler !== null) stage.scheduler?.loadStateDict(state.scheduler);
    },
    global_epoch_step: () => {
      counters.globalEpochStep = state.counters.globalEpochStep;
    },
    global_batch_step: () => {
      counters.globalBatchStep = state.counters.globalBatchStep;
    },
    global_sample_step: () => {
      counters.globalSampleStep = state.counters.globalSampleStep;
    },
  };
  for (const part of parts) await take[part]();
}

/** Puts this rank's sums and counts of a half-done loader back. */
export function restoreAccumulators(run: Run, { accumulators }: MidEpoch): void {
  const mine = accumulators[run.group.rank];
  let offset = 0;
  for (const { state } of run.accumulators) {
    state.set(mine.slice(offset, offset + state.length));
    offset += state.length;
  }
}
