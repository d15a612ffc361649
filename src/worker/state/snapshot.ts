// The state of a run as a checkpoint holds it: taken, and put back.
import type { Accumulator, StatePart } from "../../core/context.js";
import { STATE_PARTS } from "../../core/context.js";
import { UsageError } from "../../core/errors.js";
import { gatherJson, type ProcessGroup } from "../../core/process-group.js";
import type { Log } from "../../core/process-log.js";
import type { Counters, MidEpoch, RunState } from "../../core/state.js";
import { loadOptimizer, loadSettings, readOptimizer, readSettings } from "../../engine/optimizer-state.js";
import type { Results } from "../loops/results.js";
import type { LoaderPlans } from "../stage/agreement.js";
import type { Stage } from "../stage/stage.js";
import { gatherCallbackStates, restoreCallbackStates } from "./callback-states.js";
import { loadWeights, readWeights } from "./weights.js";

/** What has the state of a run. */
export interface StateOwner {
  readonly group: ProcessGroup;
  readonly log: Log;
  readonly recipeName: string;
  readonly stage: Stage;
  readonly counters: Counters;
  readonly results: Results;
  readonly plans: LoaderPlans;
  readonly accumulators: readonly Accumulator[];
  readonly epochDone: boolean;
  readonly loaderKey: string;
  readonly batchIndex: number;
  readonly batchesLeftOut: number;
  stopRequested: boolean;
}

/** The state of everything, on rank 0; null on the others, which must call it too. */
export async function takeSnapshot(run: StateOwner): Promise<RunState | null> {
  const { stage, counters, group, results } = run;
  const midEpoch = run.epochDone ? null : await takeMidEpoch(run);
  const callbacks = await gatherCallbackStates(group, stage.callbacks);
  if (group.rank !== 0) return null;
  const finished = Object.entries(results.finishedLoaders);
  return {
    model: await readWeights(stage.parameters),
    optimizer: await readOptimizer(stage.optimizer, stage.parameters),
    optimizerSettings: readSettings(stage.optimizer),
    criterion: null,
    scheduler: stage.scheduler?.stateDict() ?? null,
    counters: { ...counters },
    recipe: run.recipeName,
    stage: stage.key,
    epoch: counters.stageEpochStep,
    metrics: Object.fromEntries(finished.map(([key, { metrics }]) => [key, { ...metrics }])),
    worldSize: group.worldSize,
    loaders: Object.fromEntries(Object.entries(run.plans).map(([key, { samples }]) => [key, total(samples)])),
    midEpoch,
    stageDone: run.epochDone && (run.stopRequested || counters.stageEpochStep >= stage.length),
    callbacks,
    history: results.history,
  };
}

async function takeMidEpoch(run: StateOwner): Promise<MidEpoch> {
  const mine = run.accumulators.flatMap(({ state }) => [...state]);
  return {
    loader: run.loaderKey,
    batches: run.batchIndex + 1,
    batchesLeftOut: run.batchesLeftOut,
    accumulators: await gatherJson(run.group, mine),
    loaders: run.results.finishedLoaders,
  };
}

/**
 * Checks that the stage's loaders are as long as they were.
 * @throws UsageError naming loader and lengths.
 */
export function requireSameLoaders(run: StateOwner, { stage, loaders, worldSize }: RunState): void {
  for (const [key, before] of Object.entries(loaders)) {
    const plan = run.plans[key];
    const now = plan ? total(plan.samples) : 0;
    // Shared among another number of ranks, a pass is padded otherwise.
    const slack = worldSize === run.group.worldSize ? 0 : Math.max(worldSize, run.group.worldSize) - 1;
    if (Math.abs(now - before) <= slack) continue;
    throw new UsageError(
      `loader "${key}" of stage "${stage}" has ${now} samples, but the run was trained on ${before}: put the data back, ` +
        "start a new run, or go on with --allow-changed-data",
    );
  }
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Takes over everything from the state of the run that is resumed; the stage has been built. */
export async function restoreSnapshot(run: StateOwner, state: RunState): Promise<void> {
  await restoreParts(run, state, STATE_PARTS);
  if (state.optimizerSettings !== null) loadSettings(run.stage.optimizer, state.optimizerSettings);
  Object.assign(run.counters, state.counters);
  run.results.restore(state.history);
  run.stopRequested = state.stageDone;
  await restoreCallbackStates(run.group.rank, run.stage.callbacks, state.callbacks);
}

/** Takes over some parts. @throws UsageError when the state is of another model or optimizer. */
export async function restoreParts(
  run: StateOwner,
  state: RunState,
  parts: readonly StatePart[],
): Promise<void> {
  const { stage, counters, group, log } = run;
  const take: Record<StatePart, () => void> = {
    model: () => loadWeights(stage.parameters, state.model, `the checkpoint ${state.stage}.${state.epoch}`),
    // A criterion is a function: nothing of it is kept.
    criterion: () => {},
    optimizer: () => {
      const { optimizer, optimizerSettings } = state;
      const { fresh, gone } = loadOptimizer(stage.optimizer, optimizer, optimizerSettings, stage.parameters);
      if (group.rank !== 0) return;
      if (fresh.length > 0) log.info(`optimizer state begins anew for ${fresh.join(", ")}`);
      if (gone.length > 0) log.warn(`optimizer state of weights that do not train: ${gone.join(", ")}`);
    },
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
  for (const part of parts) take[part]();
}

/** Puts this rank's sums and counts of a half-done loader back. */
export function restoreAccumulators(
  rank: number,
  accumulators: readonly Accumulator[],
  midEpoch: MidEpoch,
): void {
  const mine = midEpoch.accumulators[rank];
  let offset = 0;
  for (const { state } of accumulators) {
    state.set(mine.slice(offset, offset + state.length));
    offset += state.length;
  }
}
