// Top-k accuracy: the share of samples whose target is among the k best scores.
import type { Accumulator } from "../core/context.js";
import { UsageError } from "../core/errors.js";
import { requireClassScores, twoDigits } from "./class-scores.js";

/**
 * `accuracy01`, `accuracy03`, ... for each k, and `accuracy` for k = 1; NaN when there was no sample.
 *
 * Of equal scores the lower class comes first, as in argmax (torch.topk leaves it open). A NaN sorts above every
 * number, as in torch, except that a target whose own score is NaN is never right. A k of at least the number of
 * classes makes every other sample right.
 */
export class Accuracy implements Accumulator {
  /** For each k the number of samples that were right, then the number of samples. */
  readonly state: Float64Array;
  readonly #topk: readonly number[];

  /** @throws UsageError when there is no k, or one that is not a whole number of at least 1. */
  constructor(topk: readonly number[] = [1, 3, 5]) {
    if (topk.length === 0 || topk.some((k) => !Number.isInteger(k) || k < 1)) {
      throw new UsageError(`Accuracy: topk must list whole numbers of at least 1, got [${topk.join(", ")}]`);
    }
    this.#topk = [...topk];
    this.state = new Float64Array(topk.length + 1);
  }

  /**
   * Adds a batch: row-major `scores` [batch, classes] and `targets` [batch].
   * @throws UsageError when they do not fit each other, or a target is not one of the classes.
   */
  update(scores: Float32Array, targets: Int32Array, classes: number): void {
    requireClassScores("Accuracy", scores, targets, classes);
    const topk = this.#topk;
    for (let row = 0; row < targets.length; row++) {
      const place = placeOfTarget(scores, row * classes, targets[row], classes);
      for (let i = 0; i < topk.length; i++) if (place < topk[i]) this.state[i]++;
    }
    this.state[topk.length] += targets.length;
  }

  reset(): void {
    this.state.fill(0);
  }

  compute(): Record<string, number> {
    const topk = this.#topk;
    const shares: Record<string, number> = {};
    for (let i = 0; i < topk.length; i++) {
      const share = this.state[i] / this.state[topk.length];
      if (topk[i] === 1) shares.accuracy = share;
      shares[`accuracy${twoDigits(topk[i])}`] = share;
    }
    return shares;
  }
}

/** How many classes come before the target. */
function placeOfTarget(scores: Float32Array, start: number, target: number, classes: number): number {
  const own = scores[start + target];
  if (Number.isNaN(own)) return Number.POSITIVE_INFINITY;
  let place = 0;
  for (let i = 0; i < classes; i++) {
    const score = scores[start + i];
    if (score > own || Number.isNaN(score) || (score === own && i < target)) place++;
  }
  return place;
}
