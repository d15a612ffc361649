// Precision, recall, F1 and support of the most likely class, as scikit-learn's precision_recall_fscore_support
// with zero_division 0, under Catalyst's names.
import type { Accumulator } from "../core/context.js";
import {
  predictedClass,
  requireClassCount,
  requireClassScores,
  requireNumClasses,
  twoDigits,
} from "./class-scores.js";

/**
 * `precision`, `recall` and `f1`, each as `/_micro`, `/_macro`, `/_weighted` and `/class_00`...; `support/class_00`...
 *
 * Of equal scores the lower class is predicted; a row that holds a NaN predicts no class and only adds to its
 * target's support.
 */
export class Classification implements Accumulator {
  /** [3, classes]: each class's true positives, then each class's predictions, then each class's targets (support). */
  readonly state: Float64Array;
  readonly #classes: number;
  readonly #hits: Float64Array;
  readonly #predicted: Float64Array;
  readonly #support: Float64Array;

  /** @throws UsageError when `numClasses` is not a whole number of at least 1. */
  constructor(numClasses: number) {
    requireNumClasses("Classification", numClasses);
    this.#classes = numClasses;
    this.state = new Float64Array(3 * numClasses);
    this.#hits = this.state.subarray(0, numClasses);
    this.#predicted = this.state.subarray(numClasses, 2 * numClasses);
    this.#support = this.state.subarray(2 * numClasses);
  }

  /**
   * Adds a batch: row-major `scores` [batch, classes] and `targets` [batch].
   * @throws UsageError when they do not fit each other, or a target is not one of the classes.
   */
  update(scores: Float32Array, targets: Int32Array, classes: number): void {
    requireClassCount("Classification", this.#classes, classes);
    requireClassScores("Classification", scores, targets, classes);
    for (let row = 0; row < targets.length; row++) {
      const target = targets[row];
      const predicted = predictedClass(scores, row, classes);
      this.#support[target]++;
      if (predicted < 0) continue;
      this.#predicted[predicted]++;
      if (predicted === target) this.#hits[target]++;
    }
  }

  reset(): void {
    this.state.fill(0);
  }

  compute(): Record<string, number> {
    const hits = this.#hits;
    const predicted = this.#predicted;
    const support = this.#support;
    return {
      ...averages("precision", hits, predicted, support, sum(hits), sum(predicted)),
      ...averages("recall", hits, support, support, sum(hits), sum(support)),
      // F1 = 2 tp / (predictions + targets), the harmonic mean of precision and recall.
      ...averages(
        "f1",
        hits.map((tp) => 2 * tp),
        support.map((targets, i) => targets + predicted[i]),
        support,
        2 * sum(hits),
        sum(predicted) + sum(support),
      ),
      ...perClass("support", support),
    };
  }
}

/** The ratio of each class, of all together (micro), and the ratios' mean: plain (macro) and by support. */
function averages(
  name: string,
  above: Float64Array,
  below: Float64Array,
  support: Float64Array,
  aboveAll: number,
  belowAll: number,
): Record<string, number> {
  const ratios = above.map((value, i) => ratio(value, below[i]));
  const weighted = sum(ratios.map((value, i) => value * support[i]));
  return {
    [`${name}/_micro`]: ratio(aboveAll, belowAll),
    [`${name}/_macro`]: sum(ratios) / ratios.length,
    [`${name}/_weighted`]: ratio(weighted, sum(support)),
    ...perClass(name, ratios),
  };
}

function perClass(name: string, values: Float64Array): Record<string, number> {
  return Object.fromEntries(Array.from(values, (value, i) => [`${name}/class_${twoDigits(i)}`, value]));
}

function ratio(above: number, below: number): number {
  return below === 0 ? 0 : above / below;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
