// The built-in recipe: fine-tune a small MNIST classifier in two stages, as the seed's listing does. It is written
// against the public API only, like a recipe of your own.
import {
  AccuracyCallback,
  assertUnchanged,
  type Batch,
  type Callback,
  CheckpointCallback,
  ConsoleLogger,
  type Criterion,
  CriterionCallback,
  CsvLogger,
  crossEntropyLoss,
  DataLoader,
  DistributedSampler,
  getRank,
  type Loader,
  loadMnist,
  OptimizerCallback,
  PrecisionRecallF1SupportCallback,
  type PreparedMnist,
  ProgressCallback,
  prepareMnist,
  Recipe,
  type ReportProgress,
  setRequiresGrad,
  TensorboardLogger,
  type TrainOptions,
  tf,
} from "../index.js";
import { MNIST_OPTIONS } from "./mnist-options.js";

/** A linear layer that starts uniform in ±1/sqrt(fan in), as torch's does. */
function linear(name: string, inputs: number, units: number, seed: number, activation: "relu" | "linear") {
  const limit = 1 / Math.sqrt(inputs);
  const uniform = (offset: number) =>
    tf.initializers.randomUniform({ minval: -limit, maxval: limit, seed: seed + offset });
  return tf.layers.dense({
    name,
    units,
    activation,
    kernelInitializer: uniform(0),
    biasInitializer: uniform(1),
  });
}

export class MnistRecipe extends Recipe<tf.Sequential> {
  static readonly options = MNIST_OPTIONS;

  /** Runs once a machine: MNIST from the data folder, else downloaded, else the built-in digits. */
  static async prepareData(options: TrainOptions, report: ReportProgress): Promise<PreparedMnist> {
    const prepared = await prepareMnist({ ...options, report });
    if (prepared.notice !== null) report(prepared.notice, "warn");
    return prepared;
  }

  readonly stages = ["freezed", "unfreezed"];
  readonly validBatchSize: number = 250;
  #data: ReturnType<typeof loadMnist> | null = null;

  override getLoggers() {
    const { logdir, verbosity } = this.config;
    return {
      ...(verbosity === "quiet" ? {} : { console: new ConsoleLogger({ verbose: verbosity === "verbose" }) }),
      csv: new CsvLogger({ logdir }),
      tensorboard: new TensorboardLogger({ logdir }),
    };
  }

  getStageLen(): number {
    return 3;
  }

  getLoaders(): Record<string, Loader> {
    const { batchSize, worldSize, seed, prepared } = this.config;
    this.#data ??= loadMnist(prepared as PreparedMnist);
    // The images are in memory; but a stage trained on what is no longer on disk could not be repeated.
    assertUnchanged(prepared as PreparedMnist);
    const { train, valid } = this.#data;
    const rank = Math.max(0, getRank());
    return {
      train: new DataLoader(train, {
        batchSize,
        sampler: new DistributedSampler(train, { numReplicas: worldSize, rank, seed }),
      }),
      // Neither shuffled nor padded: every image counts exactly once. Nothing learns from a batch here, so it may be
      // as large as is fast.
      valid: new DataLoader(valid, {
        batchSize: Math.max(batchSize, this.validBatchSize),
        sampler: new DistributedSampler(valid, { numReplicas: worldSize, rank, shuffle: false, pad: false }),
      }),
    };
  }

  getModel(stage: string): tf.Sequential {
    // Built anew at each stage; the checkpoint callback carries the weights over.
    const { seed } = this.config;
    const model = tf.sequential({
      layers: [
        tf.layers.flatten({ inputShape: [28, 28] }),
        linear("dense1", 784, 128, seed, "relu"),
        linear("dense2", 128, 10, seed + 2, "linear"),
      ],
    });
    if (stage === "freezed") setRequiresGrad(model, { dense1: false });
    else setRequiresGrad(model, true);
    return model;
  }

  getCriterion(): Criterion {
    return crossEntropyLoss;
  }

  getOptimizer(stage: string) {
    return stage === "freezed" ? tf.train.adam(1e-3, 0.9, 0.999, 1e-8) : tf.train.sgd(1e-1);
  }

  getCallbacks(): Record<string, Callback> {
    const keys = { inputKey: "logits", targetKey: "targets" };
    return {
      criterion: new CriterionCallback({ metricKey: "loss", ...keys }),
      optimizer: new OptimizerCallback({ metricKey: "loss" }),
      accuracy: new AccuracyCallback({ ...keys, topk: [1, 3, 5] }),
      classification: new PrecisionRecallF1SupportCallback({ ...keys, numClasses: 10 }),
      checkpoint: new CheckpointCallback(this.config.logdir, {
        loaderKey: "valid",
        metricKey: "loss",
        minimize: true,
        saveNBest: 3,
        loadOnStageStart: {
          model: "best",
          global_epoch_step: "last",
          global_batch_step: "last",
          global_sample_step: "last",
        },
      }),
      verbose: new ProgressCallback(),
    };
  }

  handleBatch(batch: Batch): void {
    const [features, targets] = batch as [tf.Tensor, tf.Tensor];
    const logits = this.model.apply(features, { training: this.training }) as tf.Tensor;
    this.batch = { features, targets, logits };
  }
}
