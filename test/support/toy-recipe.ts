// A recipe small enough to run hundreds of batches a second in one process: points in the plane, three classes.
import type { Callback } from "../../src/core/callback.js";
import type { Criterion } from "../../src/core/criterion.js";
import type { Batch, Dataset, Loader } from "../../src/core/loader.js";
import {
  AccuracyCallback,
  CallbackOrder,
  CriterionCallback,
  crossEntropyLoss,
  DataLoader,
  DistributedSampler,
  OptimizerCallback,
  Recipe,
  tf,
} from "../../src/index.js";

/** `length` points, the same for the same length. */
export class Points implements Dataset {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  collate(indices: Int32Array): Batch {
    const x = new Float32Array(indices.length * 2);
    const y = new Int32Array(indices.length);
    indices.forEach((index, i) => {
      x[2 * i] = ((index * 37) % 101) / 101;
      x[2 * i + 1] = ((index * 53) % 89) / 89;
      y[i] = x[2 * i] > 0.6 ? 2 : x[2 * i] > x[2 * i + 1] ? 1 : 0;
    });
    return [tf.tensor2d(x, [indices.length, 2]), tf.tensor1d(y, "int32")];
  }
}

/** Override what a test is about. */
export class ToyRecipe extends Recipe<tf.LayersModel> {
  readonly stages: readonly string[] = ["one", "two"];
  trainSamples = 24;
  validSamples = 10;

  getStageLen(_stage: string): number {
    return 2;
  }

  getLoaders(_stage: string): Record<string, Loader> {
    const { batchSize, rank, worldSize: numReplicas } = this.config;
    const [train, valid] = [new Points(this.trainSamples), new Points(this.validSamples)];
    const share = { rank, numReplicas };
    return {
      train: new DataLoader(train, { batchSize, sampler: new DistributedSampler(train, share) }),
      valid: new DataLoader(valid, {
        batchSize,
        sampler: new DistributedSampler(valid, { ...share, shuffle: false, pad: false }),
      }),
    };
  }

  getModel(_stage: string): tf.LayersModel {
    const kernelInitializer = tf.initializers.randomUniform({
      minval: -1,
      maxval: 1,
      seed: this.config.seed,
    });
    return tf.sequential({
      layers: [tf.layers.dense({ name: "dense", units: 3, inputShape: [2], kernelInitializer })],
    });
  }

  getCriterion(): Criterion {
    return crossEntropyLoss;
  }

  getOptimizer(_stage: string): tf.Optimizer {
    return tf.train.sgd(0.5);
  }

  getCallbacks(_stage: string): Record<string, Callback> {
    const keys = { inputKey: "logits", targetKey: "targets" };
    return {
      criterion: new CriterionCallback({ metricKey: "loss", ...keys }),
      optimizer: new OptimizerCallback({ metricKey: "loss" }),
      accuracy: new AccuracyCallback(keys),
    };
  }

  handleBatch(batch: Batch): void {
    const [features, targets] = batch as [tf.Tensor, tf.Tensor];
    const logits = this.model.apply(features, { training: this.training }) as tf.Tensor;
    this.batch = { features, targets, logits };
  }
}

/** A callback that runs one function at one event, after all of the recipe's. */
export function at(
  event: Exclude<keyof Callback, "order">,
  hook: NonNullable<Callback["onBatchEnd"]>,
): Callback {
  return { order: CallbackOrder.extra, [event]: hook };
}
