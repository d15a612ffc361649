// A model of 25 million weights (100 MB of gradients) on made-up data, for `bench large`: what counts is how long a step
// takes while so much travels, not what is learned.
import {
  type Batch,
  CriterionCallback,
  crossEntropyLoss,
  DataLoader,
  OptimizerCallback,
  Recipe,
  tf,
} from "ddp-train";

const INPUTS = 784;
const CLASSES = 10;
/** 784 x 3584, 3584 x 3584, 3584 x 2560 and 2560 x 10 weights, and biases: 24.9 million. */
const HIDDEN = [3584, 3584, 2560];

export default class LargeRecipe extends Recipe<tf.LayersModel> {
  readonly stages = ["all"];

  getStageLen(): number {
    return 2;
  }

  getModel(): tf.LayersModel {
    const model = tf.sequential();
    const shapes = [...HIDDEN, CLASSES];
    for (const [i, units] of shapes.entries()) {
      // Zeros are quick to make; products cost the same whatever they multiply.
      const more = i === 0 ? { inputShape: [INPUTS] } : {};
      model.add(tf.layers.dense({ units, kernelInitializer: "zeros", ...more }));
    }
    return model;
  }

  getLoaders() {
    const { batchSize } = this.config;
    const steps = Number(process.env.DDP_BENCH_STEPS ?? 8);
    const length = steps * batchSize;
    const collate = (indices: Int32Array): Batch => [
      tf.randomUniform([indices.length, INPUTS], 0, 1, "float32", 7),
      tf.zeros([indices.length], "int32"),
    ];
    return { train: new DataLoader({ length, collate }, { batchSize }) };
  }

  getCriterion() {
    return crossEntropyLoss;
  }

  getOptimizer(): tf.Optimizer {
    return tf.train.sgd(0.01);
  }

  getCallbacks() {
    const keys = { inputKey: "logits", targetKey: "targets" };
    return {
      criterion: new CriterionCallback({ metricKey: "loss", ...keys }),
      optimizer: new OptimizerCallback({ metricKey: "loss" }),
    };
  }

  handleBatch(batch: Batch): void {
    const [features, targets] = batch as [tf.Tensor, tf.Tensor];
    this.batch = { features, targets, logits: this.model.apply(features) as tf.Tensor };
  }
}
