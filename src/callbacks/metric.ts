// Feeds what handleBatch put into the batch to a metric, which is then exact over all ranks.
import { type Callback, CallbackOrder } from "../core/callback.js";
import type { Accumulator, RunContext } from "../core/context.js";
import type { HostValues } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";
import type { Metric } from "../metrics/metric.js";
import { addAccumulator } from "./add-accumulator.js";
import { inBatch, requireTensor } from "./batch-keys.js";

export interface MetricOptions {
  /** Put before the metric's names, where two would be called the same. Default: nothing. */
  readonly prefix?: string;
}

/** Where the callbacks of this project's own metrics find what they compare. */
export interface MetricKeys extends MetricOptions {
  /** What the model gave: scores, probabilities, numbers. */
  readonly inputKey: string;
  /** What it should have given. */
  readonly targetKey: string;
}

/**
 * `metric.update(batch[keys[0]], batch[keys[1]], ...)` for each batch, on the host; what it computes appears among the
 * loader's metrics. All keys must have the batch as their first dimension. Infer loaders have no targets and no metrics.
 */
export class MetricCallback implements Callback {
  readonly order = CallbackOrder.metric;
  readonly #metric: Metric;
  readonly #keys: readonly string[];
  readonly #accumulator: Accumulator;
  readonly #name: string;

  constructor(metric: Metric, keys: readonly string[], { prefix = "" }: MetricOptions = {}) {
    this.#metric = metric;
    this.#keys = keys;
    this.#accumulator = prefix === "" ? metric : prefixed(metric, prefix);
    const own = this.constructor === MetricCallback ? `MetricCallback(${metric.constructor.name})` : null;
    this.#name = `${own ?? this.constructor.name} of ${keys.map((key) => `"${key}"`).join(" and ")}`;
  }

  onLoaderStart(context: RunContext): void {
    if (!context.isInferLoader) addAccumulator(context, this.#accumulator, this.#name);
  }

  async onBatchEnd(context: RunContext): Promise<void> {
    if (context.isInferLoader) return;
    const values: HostValues[] = [];
    for (const key of this.#keys) {
      const { shape, dtype } = requireTensor(context, key, this.constructor.name);
      values.push({ shape, dtype, data: await context.readBatch(key) });
    }
    try {
      requireOneBatch(this.#keys, values);
      this.#metric.update(...values);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw inBatch(context, `${this.#name}: ${error.message}`);
    }
  }
}

function requireOneBatch(keys: readonly string[], values: readonly HostValues[]): void {
  const other = values.findIndex(({ shape }) => shape.length === 0 || shape[0] !== values[0].shape[0]);
  if (other < 0) return;
  throw new UsageError(
    `"${keys[0]}" is [${values[0].shape}] and "${keys[other]}" [${values[other].shape}]: both begin with the batch`,
  );
}

function prefixed(metric: Metric, prefix: string): Accumulator {
  return {
    state: metric.state,
    reset: () => metric.reset(),
    compute: () =>
      Object.fromEntries(Object.entries(metric.compute()).map(([name, value]) => [prefix + name, value])),
  };
}
