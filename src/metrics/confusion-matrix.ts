// Which class was taken for which: counts of (target, predicted class) pairs.
import type { Accumulator } from "../core/context.js";
import {
  predictedClass,
  requireClassCount,
  requireClassScores,
  requireNumClasses,
  twoDigits,
} from "./class-scores.js";

/**
 * `confusion_matrix/target_00_as_03`...: how many samples of class 0 were taken for class 3.
 *
 * Of equal scores the lower class is predicted; a row that holds a NaN predicts no class and is not counted.
 */
export class ConfusionMatrix implements Accumulator {
  /** Row-major [classes, classes]: rows are targets, columns predictions. */
  readonly state: Float64Array;
  readonly #classes: number;

  /** @throws UsageError when `numClasses` is not a whole number of at least 1. */
  constructor(numClasses: number) {
    requireNumClasses("ConfusionMatrix", numClasses);
    this.#classes = numClasses;
    this.state = new Float64Array(numClasses * numClasses);
  }

  /**
   * Adds a batch: row-major `scores` [batch, classes] and `targets` [batch].
   * @throws UsageError when they do not fit each other, or a target is not one of the classes.
   */
  update(scores: Float32Array, targets: Int32Array, classes: number): void {
    requireClassCount("ConfusionMatrix", this.#classes, classes);
    requireClassScores("ConfusionMatrix", scores, targets, classes);
    for (let row = 0; row < targets.length; row++) {
      const predicted = predictedClass(scores, row, classes);
      if (predicted >= 0) this.state[targets[row] * classes + predicted]++;
    }
  }

  reset(): void {
    this.state.fill(0);
  }

  compute(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (let i = 0; i < this.state.length; i++) {
      const target = twoDigits(Math.floor(i / this.#classes));
      counts[`confusion_matrix/target_${target}_as_${twoDigits(i % this.#classes)}`] = this.state[i];
    }
    return counts;
  }
}
