// Metrics of outputs that are numbers, each with a target: [batch] and [batch, 1] are the same.
import { R2 } from "../metrics/r2.js";
import { MeanAbsoluteError, MeanSquaredError } from "../metrics/regression-error.js";
import { MetricCallback, type MetricKeys } from "./metric.js";

/** `mae`: the mean of |output - target| over all elements. */
export class MeanAbsoluteErrorCallback extends MetricCallback {
  constructor(keys: MetricKeys) {
    super(new MeanAbsoluteError(), [keys.inputKey, keys.targetKey], keys);
  }
}

/** `mse`, the mean of (output - target)² over all elements, and `rmse`, its root. */
export class MeanSquaredErrorCallback extends MetricCallback {
  constructor(keys: MetricKeys) {
    super(new MeanSquaredError(), [keys.inputKey, keys.targetKey], keys);
  }
}

/** `r2`: how much of the targets' variance the outputs explain; one output a sample. */
export class R2Callback extends MetricCallback {
  constructor(keys: MetricKeys) {
    super(new R2(), [keys.inputKey, keys.targetKey], keys);
  }
}
