// Metrics of class scores against integer targets, exact over all ranks.
import { type Callback, CallbackOrder } from "../core/callback.js";
import type { Accumulator, RunContext } from "../core/context.js";
import { UsageError } from "../core/errors.js";
import { Accuracy } from "../metrics/accuracy.js";
import { Classification } from "../metrics/classification.js";
import { ConfusionMatrix } from "../metrics/confusion-matrix.js";
import { classIndices } from "../metrics/targets.js";
import { inBatch, requireTensor } from "./batch-keys.js";

export interface MetricKeys {
  /** Logits or probabilities, float32 [batch, classes]. */
  readonly inputKey: string;
  /** Class indices, int32 [batch], or one-hot rows [batch, classes]. */
  readonly targetKey: string;
}

/** An accumulator over [batch, classes] scores. */
interface ClassMetric extends Accumulator {
  update(scores: Float32Array, targets: Int32Array, classes: number): void;
}

/** Feeds batches into a metric; what it computes appears among the loader's metrics. */
export class ClassMetricCallback implements Callback {
  readonly order = CallbackOrder.metric;
  readonly #metric: ClassMetric;
  readonly #keys: MetricKeys;

  constructor(metric: ClassMetric, { inputKey, targetKey }: MetricKeys) {
    this.#metric = metric;
    this.#keys = { inputKey, targetKey };
  }

  onLoaderStart(context: RunContext): void {
    if (context.isInferLoader) return;
    this.#metric.reset();
    context.accumulators.push(this.#metric);
  }

  async onBatchEnd(context: RunContext): Promise<void> {
    if (context.isInferLoader) return;
    const { inputKey, targetKey } = this.#keys;
    const outputs = requireTensor(context, inputKey, this.constructor.name);
    const { shape, dtype } = requireTensor(context, targetKey, this.constructor.name);
    const scores = (await context.readBatch(inputKey)) as Float32Array;
    const data = await context.readBatch(targetKey);
    try {
      const targets = classIndices({ shape, dtype, data }, outputs.shape);
      this.#metric.update(scores, targets, outputs.shape[1] as number);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw inBatch(context, `${this.constructor.name}, "${targetKey}": ${error.message}`);
    }
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
