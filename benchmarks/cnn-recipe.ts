// A small convolutional net on the first images of MNIST, for `bench cnn`. DDP_BENCH_STEPS: batches an epoch. With
// DDP_STOCK_KERNELS=1 the wasm engine lacks the gradient of a convolution by its filter, so the composed one goes in.
import {
  AccuracyCallback,
  type Batch,
  CriterionCallback,
  crossEntropyLoss,
  DataLoader,
  DistributedSampler,
  loadMnist,
  OptimizerCallback,
  type PreparedMnist,
  prepareMnist,
  Recipe,
  type ReportProgress,
  type TrainOptions,
  tf,
} from "ddp-train";
import { registerComposed } from "./cnn-composed.js";
import { smallCnn } from "./cnn-net.js";

if (process.env.DDP_STOCK_KERNELS === "1") registerComposed();

export default class CnnRecipe extends Recipe<tf.Sequential> {
  static prepareData(options: TrainOptions, report: ReportProgress): Promise<PreparedMnist> {
    return prepareMnist({ ...options, report });
  }

  readonly stages = ["cnn"];

  getStageLen(): number {
    return 2;
  }

  getLoaders() {
    const { batchSize, seed, prepared } = this.config;
    const { train, valid } = loadMnist(prepared as PreparedMnist);
    const length = Number(process.env.DDP_BENCH_STEPS) * batchSize;
    const first = { length, collate: (indices: Int32Array): Batch => train.collate(indices) };
    const sampler = new DistributedSampler(first, { numReplicas: 1, rank: 0, seed });
    return {
      train: new DataLoader(first, { batchSize, sampler }),
      valid: new DataLoader(valid, { batchSize: 250 }),
    };
  }

  getModel(): tf.Sequential {
    return smallCnn(this.config.seed);
  }

  getCriterion() {
    return crossEntropyLoss;
  }

  getOptimizer(): tf.Optimizer {
    return tf.train.adam(1e-3, 0.9, 0.999, 1e-8);
  }

  getCallbacks() {
    const keys = { inputKey: "logits", targetKey: "targets" };
    return {
      criterion: new CriterionCallback({ metricKey: "loss", ...keys }),
      optimizer: new OptimizerCallback({ metricKey: "loss" }),
      accuracy: new AccuracyCallback({ ...keys, topk: [1] }),
    };
  }

  handleBatch(batch: Batch): void {
    const [features, targets] = batch as [tf.Tensor, tf.Tensor];
    this.batch = { features, targets, logits: this.model.apply(features) as tf.Tensor };
  }
}
