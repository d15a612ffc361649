// Gradients travel in buckets, so that one is on its way while the next is read. The last layers' go first, since their
// gradients are computed first. Promises: buckets cover the vector once, from its end to its start; alike on all ranks.

import type { Parameter } from "../../core/parameters.js";
import { SIGNALS } from "./agreement.js";

/** Weights whose gradients travel together, and where they lie in the vector that travels, `start` to `end`. */
export interface Bucket {
  readonly parameters: readonly Parameter[];
  readonly start: number;
  readonly end: number;
}

/**
 * Fills buckets with whole weights, from the last to the first, up to `bytes` each; a larger weight has one of its own.
 * The runner's signals, at the vector's end, go with the first.
 */
export function planBuckets(parameters: readonly Parameter[], bytes: number): Bucket[] {
  const buckets: Bucket[] = [];
  let start = parameters.reduce((sum, { variable }) => sum + variable.size, 0);
  let end = start + SIGNALS;
  let filled: Parameter[] = [];
  for (const parameter of [...parameters].reverse()) {
    const next = start - parameter.variable.size;
    if (filled.length > 0 && (end - next) * Float32Array.BYTES_PER_ELEMENT > bytes) {
      buckets.push({ parameters: filled, start, end });
      filled = [];
      end = start;
    }
    filled.unshift(parameter);
    start = next;
  }
  buckets.push({ parameters: filled, start, end });
  return buckets;
}

/** Reads the buckets one after another, and reduces each as soon as it is read, while the next one is. */
export async function reduceBuckets(
  buckets: readonly Bucket[],
  read: ((bucket: Bucket) => Promise<void> | undefined) | undefined,
  reduce: (bucket: Bucket) => Promise<void>,
): Promise<void> {
  const travelling: Promise<void>[] = [];
  for (const bucket of buckets) {
    const pending = read?.(bucket);
    if (pending) await pending;
    const arrival = reduce(bucket);
    // Avoids an unhandled rejection; Promise.all rethrows.
    arrival.catch(() => {});
    travelling.push(arrival);
    // To read keeps this thread busy: what has arrived meanwhile goes on in between.
    if (bucket !== buckets.at(-1)) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(travelling);
}
