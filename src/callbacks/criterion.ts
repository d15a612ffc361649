// Computes the loss of a batch, or its parts, and their exact means over a loader.
import type { Scalar } from "@tensorflow/tfjs-core";
import { type Callback, CallbackOrder } from "../core/callback.js";
import type { RunContext } from "../core/context.js";
import type { Criterion, LossParts } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";
import { Mean } from "../metrics/mean.js";
import { addAccumulator } from "./add-accumulator.js";
import { inBatch, requireTensor } from "./batch-keys.js";

type Checks = readonly (readonly [key: string, check: NonNullable<Criterion["checkTargets"]>])[];

export interface CriterionOptions {
  /** Name of the loss among the metrics. */
  readonly metricKey: string;
  /** Which tensor of the batch goes into the criterion, and which holds the targets. */
  readonly inputKey: string;
  readonly targetKey: string;
  /** Names of the parts of a criterion that returns several: each is a metric of its own. */
  readonly parts?: readonly string[];
}

/**
 * `criterion(batch[inputKey], batch[targetKey], batch)`, a mean over the batch; of several parts the weighted sum.
 * Infer loaders have no targets and no loss.
 */
export class CriterionCallback implements Callback {
  readonly order = CallbackOrder.metric;
  readonly #options: CriterionOptions;
  readonly #names: readonly string[];
  readonly #mean: Mean;
  #checked: { readonly criterion: Criterion; readonly checks: Checks } | null = null;

  constructor(options: CriterionOptions) {
    this.#options = options;
    this.#names = [options.metricKey, ...(options.parts ?? [])];
    this.#mean = new Mean(this.#names);
  }

  onLoaderStart(context: RunContext): void {
    if (context.isInferLoader) return;
    const { inputKey, targetKey } = this.#options;
    addAccumulator(context, this.#mean, `CriterionCallback of "${inputKey}" and "${targetKey}"`);
  }

  onForward(context: RunContext): void {
    if (context.isInferLoader) return;
    const { metricKey, inputKey, targetKey } = this.#options;
    const outputs = requireTensor(context, inputKey, "CriterionCallback");
    const targets = requireTensor(context, targetKey, "CriterionCallback");
    if (outputs.rank > 0 && targets.rank > 0 && outputs.shape[0] !== targets.shape[0]) {
      throw inBatch(
        context,
        `"${inputKey}" has ${outputs.shape[0]} rows and "${targetKey}" ${targets.shape[0]}: both begin with the batch`,
      );
    }
    let loss: Scalar | LossParts;
    try {
      loss = context.criterion(outputs, targets, context.batch);
    } catch (error) {
      throw error instanceof UsageError ? inBatch(context, `"${targetKey}": ${error.message}`) : error;
    }
    context.batchTensors[metricKey] = isTensor(loss) ? requireScalar(loss) : this.#sum(context, loss);
  }

  async onBatchEnd(context: RunContext): Promise<void> {
    if (context.isInferLoader) return;
    const checks = this.#checksOf(context.criterion);
    if (checks.length > 0) await this.#check(context, checks);
    this.#mean.update(
      this.#names.map((name) => context.batchMetrics[name]),
      context.batchSize,
    );
  }

  /** What the criterion checks, by the key of the tensor. */
  #checksOf(criterion: Criterion): Checks {
    if (this.#checked?.criterion !== criterion) {
      const { inputKey, targetKey } = this.#options;
      const { checkTargets, checkOutputs, checkBatch } = criterion;
      const all = Object.entries({ [inputKey]: checkOutputs, [targetKey]: checkTargets, ...checkBatch });
      const checks = all.flatMap(([key, check]) => (check ? [[key, check] as const] : []));
      this.#checked = { criterion, checks };
    }
    return this.#checked.checks;
  }

  /** Asks the criterion what it thinks of the values it has read. */
  async #check(context: RunContext, checks: Checks): Promise<void> {
    const { metricKey, inputKey } = this.#options;
    // A batch that will be left out may hold what it likes.
    const canLeaveOut = context.isTrainLoader && context.options.onNan === "skip";
    if (canLeaveOut && !Number.isFinite(context.batchMetrics[metricKey])) return;
    const outputShape = requireTensor(context, inputKey, "CriterionCallback").shape;
    for (const [key, check] of checks) {
      const { shape, dtype } = requireTensor(context, key, "CriterionCallback");
      const fault = check({ shape, dtype, data: await context.readBatch(key) }, outputShape);
      if (fault !== null) throw inBatch(context, `"${key}": ${fault}`);
    }
  }

  #sum(context: RunContext, parts: LossParts): Scalar {
    const names = Object.keys(parts);
    const known = this.#options.parts ?? [];
    if (names.length === 0 || [...names].sort().join() !== [...known].sort().join()) {
      const list = names.map((name) => `"${name}"`).join(", ");
      throw new UsageError(
        `the criterion returned parts named ${list || "nothing"}: tell CriterionCallback so, with parts: [${list}]`,
      );
    }
    let sum: Scalar | null = null;
    for (const [name, part] of Object.entries(parts)) {
      const { loss, weight } = isTensor(part) ? { loss: part, weight: 1 } : part;
      context.batchTensors[name] = requireScalar(loss);
      const weighted = loss.mul(weight) as Scalar;
      sum = sum === null ? weighted : (sum.add(weighted) as Scalar);
    }
    return sum as Scalar;
  }
}

function isTensor(value: Scalar | object): value is Scalar {
  return "dataId" in value;
}

function requireScalar(loss: Scalar): Scalar {
  if (loss.size === 1 && loss.rank === 0) return loss;
  throw new UsageError(
    `the criterion returned a tensor of shape [${loss.shape}]; it must return a scalar, the mean over the batch`,
  );
}
