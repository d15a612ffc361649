// Metrics of class scores [batch, classes], of which one class is right: the target is its index, int32 [batch] or
// [batch, 1], or a one-hot row of [batch, classes].
import type { Accumulator } from "../core/context.js";
import type { HostValues } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";
import { Accuracy } from "../metrics/accuracy.js";
import { Classification } from "../metrics/classification.js";
import { ConfusionMatrix } from "../metrics/confusion-matrix.js";
import type { Metric } from "../metrics/metric.js";
import { faultOfType } from "../metrics/shapes.js";
import { classIndices } from "../metrics/targets.js";
import { MetricCallback, type MetricKeys } from "./metric.js";

/** An accumulator over row-major scores [batch, classes] and class indices [batch]. */
export interface ClassMetric extends Accumulator {
  update(scores: Float32Array, targets: Int32Array, classes: number): void;
}

/** Feeds logits or probabilities and class indices to a metric. */
export class ClassMetricCallback extends MetricCallback {
  constructor(metric: ClassMetric, keys: MetricKeys) {
    super(ofScores(metric), [keys.inputKey, keys.targetKey], keys);
  }
}

/** `accuracy`, `accuracy01`, `accuracy03`, ...: the share of samples whose target is among the k best scores. */
export class AccuracyCallback extends ClassMetricCallback {
  constructor(options: MetricKeys & { readonly topk?: readonly number[] }) {
    super(new Accuracy(options.topk ?? [1]), options);
  }
}

/** Precision, recall, F1 and support: per class, micro, macro and weighted. */
export class PrecisionRecallF1SupportCallback extends ClassMetricCallback {
  constructor(options: MetricKeys & { readonly numClasses: number }) {
    super(new Classification(options.numClasses), options);
  }
}

/** Counts of (target, prediction) pairs. */
export class ConfusionMatrixCallback extends ClassMetricCallback {
  constructor(options: MetricKeys & { readonly numClasses: number }) {
    super(new ConfusionMatrix(options.numClasses), options);
  }
}

function ofScores(metric: ClassMetric): Metric {
  return {
    state: metric.state,
    reset: () => metric.reset(),
    compute: () => metric.compute(),
    update(outputs: HostValues, targets: HostValues) {
      const fault = faultOfType(outputs, ["float32"]);
      if (fault !== null) throw new UsageError(fault);
      const indices = classIndices(targets, outputs.shape);
      metric.update(outputs.data as Float32Array, indices, outputs.shape[1]);
    },
  };
}
