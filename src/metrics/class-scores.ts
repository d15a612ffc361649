// What the class metrics share: reading a batch of class scores, a row a sample, and naming the classes.
import { UsageError } from "../core/errors.js";

/** Place of the greatest score in a row, the first of equals as in argmax; -1 when the row holds a NaN. */
export function predictedClass(scores: Float32Array, row: number, classes: number): number {
  const start = row * classes;
  let best = 0;
  for (let i = 0; i < classes; i++) {
    const score = scores[start + i];
    if (Number.isNaN(score)) return -1;
    if (score > scores[start + best]) best = i;
  }
  return best;
}

/** @throws UsageError when `scores` is not [targets.length, classes] or a target is not one of the classes. */
export function requireClassScores(
  metric: string,
  scores: Float32Array,
  targets: Int32Array,
  classes: number,
): void {
  if (scores.length !== targets.length * classes) {
    throw new UsageError(
      `${metric}: ${targets.length} targets of ${classes} classes need ${targets.length * classes} scores, ` +
        `got ${scores.length}`,
    );
  }
  for (let row = 0; row < targets.length; row++) {
    const target = targets[row];
    if (!(target >= 0 && target < classes)) {
      throw new UsageError(
        `${metric}: target ${target} is outside the ${classes} classes (0 to ${classes - 1})`,
      );
    }
  }
}

/** @throws UsageError when the batch's number of classes is not the one the metric was made for. */
export function requireClassCount(metric: string, expected: number, classes: number): void {
  if (classes !== expected) {
    throw new UsageError(
      `${metric}: made for numClasses ${expected}, but the scores have ${classes} classes`,
    );
  }
}

/** @throws UsageError when `numClasses` is not a whole number of at least 1. */
export function requireNumClasses(metric: string, numClasses: number): void {
  if (!Number.isInteger(numClasses) || numClasses < 1) {
    throw new UsageError(`${metric}: numClasses must be a whole number of at least 1, got ${numClasses}`);
  }
}

/** `07` for 7, as the recipe writes classes and k. */
export function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
