// The part of a checkpoint that a resumed run needs beside weights, metrics and counters, and what of it is believed:
// a file may be made by anyone, so everything is checked to be of the type that it claims.
import type { RunState } from "../core/state.js";

export type Progress = Pick<RunState, "worldSize" | "midEpoch" | "stageDone" | "callbacks" | "history">;

/** Picks these fields, and nothing else, out of a state. */
export function progressOf({ worldSize, midEpoch, stageDone, callbacks, history }: Progress): Progress {
  return { worldSize, midEpoch, stageDone, callbacks, history };
}

/**
 * Takes parsed JSON for a Progress.
 * @throws Error naming the field that is not what a checkpoint has there.
 */
export function parseProgress(value: unknown): Progress {
  if (!isRecord(value)) throw new Error("progress is not an object");
  const { worldSize, midEpoch, stageDone, callbacks, history } = value;
  const checks = {
    worldSize: isCount(worldSize) && worldSize > 0,
    midEpoch: midEpoch === null || isMidEpoch(midEpoch),
    stageDone: typeof stageDone === "boolean",
    callbacks: isRecord(callbacks),
    history: Array.isArray(history) && history.every(isStage),
  };
  for (const [field, holds] of Object.entries(checks)) if (!holds) throw new Error(`its ${field} is wrong`);
  return progressOf(value as unknown as Progress);
}

function isMidEpoch(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { loader, batches, accumulators, loaders } = value;
  return (
    typeof loader === "string" &&
    isCount(batches) &&
    Array.isArray(accumulators) &&
    accumulators.every((rank) => Array.isArray(rank) && rank.every(isNumber)) &&
    isRecord(loaders) &&
    Object.values(loaders).every(isNumbers)
  );
}

function isStage(value: unknown): boolean {
  if (!isRecord(value) || typeof value.stage !== "string" || !Array.isArray(value.epochs)) return false;
  return value.epochs.every(
    (epoch) =>
      isRecord(epoch) &&
      isCount(epoch.epoch) &&
      Object.values(epoch).every((item) => isNumber(item) || isNumbers(item)),
  );
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
