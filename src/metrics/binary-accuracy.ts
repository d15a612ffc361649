// Accuracy of yes-or-no labels: one of them a sample, or several.
import type { HostValues } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";
import { type BinaryOptions, requireBinary, requireOneScore } from "./binary-scores.js";
import type { Metric } from "./metric.js";

export interface BinaryAccuracyOptions extends BinaryOptions {
  /** A probability above it is a yes. Default 0.5. */
  readonly threshold?: number;
}

/**
 * `accuracy`: the share of samples on the right side of the threshold; NaN when there was no sample. Scores and targets
 * are [batch] or [batch, 1], targets 0 or 1. A score that is NaN is never right.
 */
export class BinaryAccuracy implements Metric {
  /** Samples that were right, samples. */
  readonly state = new Float64Array(2);
  readonly #decision: Decision;

  /** @throws UsageError when the threshold is not between 0 and 1. */
  constructor(options: BinaryAccuracyOptions = {}) {
    this.#decision = new Decision("BinaryAccuracy", options);
  }

  /** @throws UsageError when scores and targets do not fit each other or are out of range. */
  update(outputs: HostValues, targets: HostValues): void {
    requireOneScore(outputs);
    requireBinary(outputs, targets, this.#decision.fromLogits);
    const samples = outputs.data.length;
    for (let i = 0; i < samples; i++) {
      if (this.#decision.isRight(outputs.data[i], targets.data[i])) this.state[0]++;
    }
    this.state[1] += samples;
  }

  reset(): void {
    this.state.fill(0);
  }

  compute(): Record<string, number> {
    return { accuracy: this.state[0] / this.state[1] };
  }
}

/**
 * `accuracy`, the share of labels that are right, and `exact_match`, the share of samples of which all labels are;
 * NaN when there was no sample. Scores and targets are [batch, labels], targets 0 or 1. A NaN score is never right.
 */
export class MultilabelAccuracy implements Metric {
  /** Labels that were right, labels, samples of which all were right, samples. */
  readonly state = new Float64Array(4);
  readonly #decision: Decision;

  /** @throws UsageError when the threshold is not between 0 and 1. */
  constructor(options: BinaryAccuracyOptions = {}) {
    this.#decision = new Decision("MultilabelAccuracy", options);
  }

  /** @throws UsageError when scores and targets do not fit each other or are out of range. */
  update(outputs: HostValues, targets: HostValues): void {
    const { shape, data } = outputs;
    if (shape.length !== 2) throw new UsageError(`wants outputs [batch, labels], got [${shape}]`);
    requireBinary(outputs, targets, this.#decision.fromLogits);
    const [samples, labels] = shape;
    for (let row = 0; row < samples; row++) {
      let right = 0;
      for (let i = row * labels; i < (row + 1) * labels; i++) {
        if (this.#decision.isRight(data[i], targets.data[i])) right++;
      }
      this.state[0] += right;
      if (right === labels) this.state[2]++;
    }
    this.state[1] += samples * labels;
    this.state[3] += samples;
  }

  reset(): void {
    this.state.fill(0);
  }

  compute(): Record<string, number> {
    const [right, labels, exact, samples] = this.state;
    return { accuracy: right / labels, exact_match: exact / samples };
  }
}

class Decision {
  readonly fromLogits: boolean;
  readonly #limit: number;

  constructor(metric: string, { fromLogits = false, threshold = 0.5 }: BinaryAccuracyOptions) {
    if (!(threshold > 0 && threshold < 1)) {
      throw new UsageError(`${metric}: threshold wants a probability between 0 and 1, got ${threshold}`);
    }
    this.fromLogits = fromLogits;
    this.#limit = fromLogits ? Math.log(threshold / (1 - threshold)) : threshold;
  }

  isRight(score: number, target: number): boolean {
    return target === 1 ? score > this.#limit : score <= this.#limit;
  }
}
