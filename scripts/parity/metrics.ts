// Compares the class metrics with torch's top-k and scikit-learn's precision, recall, F1, support and confusion
// matrix, as metrics.json holds them.
import { Accuracy } from "../../src/metrics/accuracy.js";
import { twoDigits } from "../../src/metrics/class-scores.js";
import { Classification } from "../../src/metrics/classification.js";
import { ConfusionMatrix } from "../../src/metrics/confusion-matrix.js";
import { type Comparison, Largest, readGolden } from "./comparison.js";

type Scores<T> = Readonly<Record<"precision" | "recall" | "f1", T>>;

interface MetricsCase {
  readonly num_classes: number;
  readonly logits: readonly (readonly number[])[];
  readonly targets: readonly number[];
  /** Accuracy by k. */
  readonly topk: Readonly<Record<string, number>>;
  readonly micro: Scores<number>;
  readonly macro: Scores<number>;
  readonly weighted: Scores<number>;
  readonly per_class: Scores<readonly number[]> & { readonly support: readonly number[] };
  /** Rows are targets, columns predictions. */
  readonly confusion_matrix: readonly (readonly number[])[];
}

/** A metric more than 1e-6 off fails: the golden top-k values are float32. */
export function compareMetrics(folder: string): Comparison {
  const golden = readGolden<{ readonly cases: readonly MetricsCase[] }>(folder, "metrics.json");
  const largest = new Largest();
  let values = 0;
  golden?.cases.forEach((item, number) => {
    const ours = computed(item);
    for (const [name, theirs] of Object.entries(expected(item))) {
      largest.add(`case ${number}, ${name}`, ours[name], theirs);
      values++;
    }
  });
  return {
    name: "metrics",
    cases: golden?.cases.length ?? 0,
    largestDifference: largest.difference,
    limit: 1e-6,
    detail: golden ? largest.where || `${values} values, all equal` : "no metrics.json",
  };
}

function computed(item: MetricsCase): Record<string, number> {
  const classes = item.num_classes;
  const scores = Float32Array.from(item.logits.flat());
  const targets = Int32Array.from(item.targets);
  const topk = Object.keys(item.topk).map(Number);
  const metrics = [new Accuracy(topk), new Classification(classes), new ConfusionMatrix(classes)];
  for (const metric of metrics) metric.update(scores, targets, classes);
  return Object.assign({}, ...metrics.map((metric) => metric.compute()));
}

function expected(item: MetricsCase): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [k, value] of Object.entries(item.topk)) values[`accuracy${twoDigits(Number(k))}`] = value;
  for (const average of ["micro", "macro", "weighted"] as const) {
    for (const [name, value] of Object.entries(item[average])) values[`${name}/_${average}`] = value;
  }
  for (const [name, perClass] of Object.entries(item.per_class)) {
    perClass.forEach((value, i) => {
      values[`${name}/class_${twoDigits(i)}`] = value;
    });
  }
  item.confusion_matrix.forEach((row, target) => {
    row.forEach((count, predicted) => {
      values[`confusion_matrix/target_${twoDigits(target)}_as_${twoDigits(predicted)}`] = count;
    });
  });
  return values;
}
