// Area under the ROC curve: how often a positive sample's score is above a negative one's. To be exact it would need
// all scores of all ranks side by side. Counts by steps of the score are of fixed size and add up over ranks; 4096 steps
// even in asinh(logit) tell scores apart that are 0.4 % of their logit apart, also where a network is sure of itself.
// (200 even steps of the probability, as in Keras, put all scores below 0.005 into one, and rare classes lie there.)
import type { HostValues } from "../core/criterion.js";
import { type BinaryOptions, requireBinary, requireOneScore } from "./binary-scores.js";
import type { Metric } from "./metric.js";

/** Steps of 1/256 from -8 to 8, which is to logits of 1490; one step at each end is for NaN. */
const STEPS = 4098;
const PER_UNIT = 256;

/**
 * `auc`, from 0 to 1, in which a pair in the same step counts half; the exact area is at most `auc/error` from it.
 * Scores and targets are [batch] or [batch, 1], targets 0 or 1. NaN when there is no sample of either class. A NaN
 * score is on the wrong side of all others.
 */
export class Auc implements Metric {
  /** Negative samples by step, the lowest score first; then positive ones. */
  readonly state = new Float64Array(2 * STEPS);
  readonly #fromLogits: boolean;

  constructor({ fromLogits = false }: BinaryOptions = {}) {
    this.#fromLogits = fromLogits;
  }

  /** @throws UsageError when scores and targets do not fit each other or are out of range. */
  update(outputs: HostValues, targets: HostValues): void {
    requireOneScore(outputs);
    requireBinary(outputs, targets, this.#fromLogits);
    for (let i = 0; i < outputs.data.length; i++) {
      const score = outputs.data[i];
      const target = targets.data[i];
      this.state[target * STEPS + stepOf(this.#fromLogits ? score : logit(score), target)]++;
    }
  }

  reset(): void {
    this.state.fill(0);
  }

  compute(): Record<string, number> {
    const { state } = this;
    let [negatives, positives, above, tied] = [0, 0, 0, 0];
    for (let step = 0; step < STEPS; step++) {
      const [negative, positive] = [state[step], state[STEPS + step]];
      above += positive * negatives;
      tied += positive * negative;
      negatives += negative;
      positives += positive;
    }
    const pairs = negatives * positives;
    return { auc: (above + tied / 2) / pairs, "auc/error": tied / 2 / pairs };
  }
}

function stepOf(logit: number, target: number): number {
  if (Number.isNaN(logit)) return target === 1 ? 0 : STEPS - 1;
  const step = Math.floor(Math.asinh(logit) * PER_UNIT) + STEPS / 2;
  return Math.min(Math.max(step, 1), STEPS - 2);
}

/** A probability may lie outside 0 to 1 by rounding. */
function logit(probability: number): number {
  const p = Math.min(1, Math.max(0, probability));
  return Math.log(p) - Math.log1p(-p);
}
