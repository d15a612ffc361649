// Computes the loss of a batch and its exact mean over a loader.
import { type Callback, CallbackOrder } from "../core/callback.js";
import type { RunContext } from "../core/context.js";
import { Mean } from "../metrics/mean.js";
import { requireTensor } from "./batch-keys.js";

export interface CriterionOptions {
  /** Name of the loss among the metrics. */
  readonly metricKey: string;
  /** Which tensor of the batch goes into the criterion, and which holds the targets. */
  readonly inputKey: string;
  readonly targetKey: string;
}

/** `criterion(batch[inputKey], batch[targetKey])`, a mean over the batch; infer loaders have no targets and no loss. */
export class CriterionCallback implements Callback {
  readonly order = CallbackOrder.metric;
  readonly #options: CriterionOptions;
  readonly #mean: Mean;

  constructor(options: CriterionOptions) {
    this.#options = options;
    this.#mean = new Mean([options.metricKey]);
  }

  onLoaderStart(context: RunContext): void {
    if (context.isInferLoader) return;
    this.#mean.reset();
    context.accumulators.push(this.#mean);
  }

  onForward(context: RunContext): void {
    if (context.isInferLoader) return;
    const { metricKey, inputKey, targetKey } = this.#options;
    const outputs = requireTensor(context, inputKey, "CriterionCallback");
    const targets = requireTensor(context, targetKey, "CriterionCallback");
    context.batchTensors[metricKey] = context.criterion(outputs, targets);
  }

  onBatchEnd(context: RunContext): void {
    if (context.isInferLoader) return;
    this.#mean.update([context.batchMetrics[this.#options.metricKey]], context.batchSize);
  }
}
