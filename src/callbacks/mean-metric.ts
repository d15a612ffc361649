// Means over a loader of numbers that a recipe or a callback computes for each batch.
import { type Callback, CallbackOrder } from "../core/callback.js";
import type { RunContext } from "../core/context.js";
import { Mean } from "../metrics/mean.js";
import { addAccumulator } from "./add-accumulator.js";
import { inBatch, requireTensor } from "./batch-keys.js";
import type { MetricOptions } from "./metric.js";

export interface MeanOptions extends MetricOptions {
  /** Scalars, each a mean over the batch, in `this.batch` of the recipe or in `context.batchTensors` of a callback. */
  readonly keys: readonly string[];
}

/**
 * The mean of each scalar over all samples of a loader, under its own key: batches weigh by their samples, so that it is
 * exact over ranks. NaN when there was no sample, or a NaN. Infer loaders have none.
 */
export class MeanCallback implements Callback {
  readonly order = CallbackOrder.metric;
  readonly #keys: readonly string[];
  readonly #mean: Mean;
  readonly #name: string;

  constructor({ keys, prefix = "" }: MeanOptions) {
    this.#keys = keys;
    this.#mean = new Mean(keys.map((key) => prefix + key));
    this.#name = `MeanCallback of ${keys.map((key) => `"${key}"`).join(" and ")}`;
  }

  onLoaderStart(context: RunContext): void {
    if (!context.isInferLoader) addAccumulator(context, this.#mean, this.#name);
  }

  async onBatchEnd(context: RunContext): Promise<void> {
    if (context.isInferLoader) return;
    const values: number[] = [];
    for (const key of this.#keys) values.push(context.batchMetrics[key] ?? (await readScalar(context, key)));
    this.#mean.update(values, context.batchSize);
  }
}

async function readScalar(context: RunContext, key: string): Promise<number> {
  const { rank, shape } = requireTensor(context, key, "MeanCallback");
  if (rank === 0) return (await context.readBatch(key))[0];
  throw inBatch(context, `"${key}" is [${shape}]; MeanCallback wants a scalar, the mean over the batch`);
}
