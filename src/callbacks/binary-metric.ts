// Metrics of yes-or-no labels. Scores are probabilities (a sigmoid's), or logits with fromLogits: true.
import { Auc } from "../metrics/auc.js";
import {
  BinaryAccuracy,
  type BinaryAccuracyOptions,
  MultilabelAccuracy,
} from "../metrics/binary-accuracy.js";
import type { BinaryOptions } from "../metrics/binary-scores.js";
import { MetricCallback, type MetricKeys } from "./metric.js";

/** `accuracy` of one score a sample, [batch] or [batch, 1]. */
export class BinaryAccuracyCallback extends MetricCallback {
  constructor(options: MetricKeys & BinaryAccuracyOptions) {
    super(new BinaryAccuracy(options), [options.inputKey, options.targetKey], options);
  }
}

/** `accuracy` and `exact_match` of several labels a sample, [batch, labels]. */
export class MultilabelAccuracyCallback extends MetricCallback {
  constructor(options: MetricKeys & BinaryAccuracyOptions) {
    super(new MultilabelAccuracy(options), [options.inputKey, options.targetKey], options);
  }
}

/** `auc`, the area under the ROC curve, and `auc/error`, how far it may be off; one score a sample. */
export class AucCallback extends MetricCallback {
  constructor(options: MetricKeys & BinaryOptions) {
    super(new Auc(options), [options.inputKey, options.targetKey], options);
  }
}
