// The part of a checkpoint that a resumed run needs beside weights, metrics and counters, and what of it is believed:
// a file may be made by anyone, so everything is checked to be of the type that it claims.
import type { CallbackState, Json, MidEpoch, RunState } from "../core/state.js";
import type { EpochSummary, LoaderSummary, StageSummary } from "../core/summary.js";

export type Progress = Pick<
  RunState,
  "worldSize" | "loaders" | "midEpoch" | "stageDone" | "callbacks" | "history"
>;

/** What is written of it; the tensors that callbacks keep are stored beside. */
export function progressOf({ worldSize, loaders, midEpoch, stageDone, callbacks, history }: Progress): Json {
  const texts = Object.entries(callbacks).map(([name, { scope, isJson, states }]) => {
    return [name, { scope, isJson, states: states.map(({ json }) => json) }] as const;
  });
  const progress = { worldSize, loaders, midEpoch, stageDone, callbacks: Object.fromEntries(texts), history };
  return progress as unknown as Json;
}

/**
 * Takes parsed JSON for a Progress, also that of version 1.
 * @throws Error naming the field that is not what a checkpoint has there.
 */
export function parseProgress(value: unknown): Progress {
  if (!isRecord(value)) throw new Error("progress is not an object");
  const { worldSize, loaders = {}, midEpoch, stageDone, callbacks, history } = value;
  const checks = {
    worldSize: isCount(worldSize) && worldSize > 0,
    loaders: isRecord(loaders) && Object.values(loaders).every(isCount),
    midEpoch: midEpoch === null || isMidEpoch(midEpoch),
    stageDone: typeof stageDone === "boolean",
    callbacks: isRecord(callbacks),
    history: Array.isArray(history) && history.every(isStage),
  };
  for (const [field, holds] of Object.entries(checks)) if (!holds) throw new Error(`its ${field} is wrong`);
  return {
    worldSize: worldSize as number,
    loaders: loaders as Record<string, number>,
    midEpoch: midEpoch === null ? null : currentMidEpoch(midEpoch as MidEpoch),
    stageDone: stageDone as boolean,
    callbacks: Object.fromEntries(
      Object.entries(callbacks as Record<string, unknown>).map(([name, state]) => [
        name,
        callbackState(state),
      ]),
    ),
    history: (history as StageSummary[]).map(({ stage, epochs }) => ({
      stage,
      epochs: epochs.map(currentEpoch),
    })),
  };
}

/** Version 1 has the JSON of rank 0 as it is. */
function callbackState(stored: unknown): CallbackState {
  if (!isStored(stored)) {
    return { scope: "shared", isJson: true, states: [{ json: stored as Json, tensors: {} }] };
  }
  return { ...stored, states: stored.states.map((json) => ({ json, tensors: {} })) };
}

function isStored(
  value: unknown,
): value is Omit<CallbackState, "states"> & { readonly states: readonly Json[] } {
  return (
    isRecord(value) &&
    (value.scope === "shared" || value.scope === "rank") &&
    typeof value.isJson === "boolean" &&
    Array.isArray(value.states)
  );
}

function currentMidEpoch(midEpoch: MidEpoch): MidEpoch {
  const loaders = Object.entries(midEpoch.loaders).map(([key, loader]) => [key, currentLoader(loader)]);
  return { ...midEpoch, batchesLeftOut: midEpoch.batchesLeftOut ?? 0, loaders: Object.fromEntries(loaders) };
}

function currentEpoch(epoch: EpochSummary): EpochSummary {
  const entries = Object.entries(epoch).map(([key, value]) => {
    return [key, typeof value === "number" ? value : currentLoader(value)];
  });
  return Object.fromEntries(entries) as EpochSummary;
}

/** Version 1 has the metrics beside the times. */
function currentLoader(loader: LoaderSummary): LoaderSummary {
  if (isRecord(loader.metrics)) return loader;
  const { seconds, samples, samples_per_second, ...metrics } = loader as unknown as Record<string, number>;
  return { seconds, samples, samples_per_second, batches_left_out: 0, metrics };
}

function isMidEpoch(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { loader, batches, batchesLeftOut = 0, accumulators, loaders } = value;
  return (
    typeof loader === "string" &&
    isCount(batches) &&
    isCount(batchesLeftOut) &&
    Array.isArray(accumulators) &&
    accumulators.every((rank) => Array.isArray(rank) && rank.every(isNumber)) &&
    isRecord(loaders) &&
    Object.values(loaders).every(isLoader)
  );
}

function isStage(value: unknown): boolean {
  if (!isRecord(value) || typeof value.stage !== "string" || !Array.isArray(value.epochs)) return false;
  return value.epochs.every(
    (epoch) =>
      isRecord(epoch) &&
      isCount(epoch.epoch) &&
      Object.values(epoch).every((item) => isNumber(item) || isLoader(item)),
  );
}

function isLoader(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { metrics, ...rest } = value;
  return (metrics === undefined || isNumbers(metrics)) && isNumbers(rest);
}

function isNumbers(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every(isNumber);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
