// How a worker failed, and which of several failures is the one that the others follow from. Pure functions.
import type { SerializedError } from "../../core/errors.js";
import type { Position } from "../../core/protocol.js";
import type { Ended } from "./child.js";

/** How a worker failed: with its own `error`, by ending (`end`) without one, or by its `silence`. */
export interface Failure {
  readonly rank: number;
  readonly pid: number | undefined;
  /** When the launcher learned of it, in milliseconds of `performance.now()`. */
  readonly at: number;
  readonly error: SerializedError | null;
  readonly end: Ended | null;
  /** What the rank said that waited for this one in vain. */
  readonly silence: string | null;
  readonly position: Position | null;
  /** The last lines that it wrote to stderr. */
  readonly lastWords: readonly string[];
}

/** Milliseconds in which a rank's own failure explains a peer that was noticed to be lost just before. */
const SAME_MOMENT_MS = 1000;

/**
 * The failure that the others follow from: the earliest. A lost peer is a consequence by its nature, so another
 * kind of failure in the same moment goes before it: the launcher may hear of them in either order.
 */
export function rootCause(failures: readonly Failure[]): Failure {
  const [first, ...others] = byTime(failures);
  const own = [first, ...others].find(({ error }) => error?.name !== "PeerError");
  return own !== undefined && own.at - first.at <= SAME_MOMENT_MS ? own : first;
}

/**
 * The rank that hangs, and the failure of the one that waited for it; null when none does. In a ring everybody waits
 * for the one before, and several deadlines may pass at once: who hangs is the one that has told nothing itself.
 */
export function findSilent(
  failures: readonly Failure[],
): { readonly rank: number; readonly by: Failure } | null {
  const told = new Set(failures.map(({ rank }) => rank));
  for (const by of byTime(failures)) {
    const rank = by.error?.silentRank;
    if (rank !== undefined && !told.has(rank)) return { rank, by };
  }
  return null;
}

/** Failures by the time at which the launcher learned of them, the earliest first. */
export function byTime(failures: readonly Failure[]): Failure[] {
  return [...failures].sort((a, b) => a.at - b.at);
}
