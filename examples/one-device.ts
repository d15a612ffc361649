// Catalyst's first listing: the model is made in the first stage and used again in the next, without a checkpoint in
// between. First the encoder is frozen and the head learns, then everything does. Runs with one worker and with several.
import * as ddp from "ddp-train";

const { tf } = ddp;

export default class OneDevice extends ddp.Recipe<ddp.tf.Sequential> {
  /** Once a machine: MNIST from the data folder, else downloaded, else the built-in digits. */
  static prepareData(options: ddp.TrainOptions, report: ddp.ReportProgress) {
    return ddp.prepareMnist({ ...options, report });
  }

  readonly stages = ["train_freezed", "train_unfreezed"];

  getStageLen() {
    return 3;
  }
  getLoaders() {
    const { train, valid } = ddp.loadMnist(this.config.prepared as ddp.PreparedMnist);
    const { rank, worldSize: numReplicas } = this.config;
    // The listing's loaders do not shuffle. With one worker the sampler deals all samples in their order.
    const sampler = new ddp.DistributedSampler(train, { numReplicas, rank, shuffle: false });
    return {
      train: new ddp.DataLoader(train, { batchSize: 32, sampler }),
      valid: new ddp.DataLoader(valid, { batchSize: 32 }),
    };
  }
  getModel(stage: string) {
    const model = this.model ?? build();
    ddp.setRequiresGrad(model, stage === "train_freezed" ? { encoder: false } : true);
    return model;
  }
  getCriterion() {
    return ddp.crossEntropyLoss;
  }
  getOptimizer(stage: string) {
    return stage === "train_freezed" ? tf.train.adam(1e-3) : tf.train.sgd(1e-1);
  }
  getCallbacks() {
    const keys = { inputKey: "logits", targetKey: "targets" };
    const best = { loaderKey: "valid", metricKey: "loss", minimize: true, saveNBest: 3 };
    return {
      criterion: new ddp.CriterionCallback({ metricKey: "loss", ...keys }),
      optimizer: new ddp.OptimizerCallback({ metricKey: "loss" }),
      accuracy: new ddp.AccuracyCallback({ ...keys, topk: [1, 3, 5] }),
      classification: new ddp.PrecisionRecallF1SupportCallback({ ...keys, numClasses: 10 }),
      checkpoint: new ddp.CheckpointCallback(this.config.logdir, best),
    };
  }
  override getLoggers() {
    const { logdir } = this.config;
    return {
      console: new ddp.ConsoleLogger(),
      csv: new ddp.CsvLogger({ logdir }),
      tensorboard: new ddp.TensorboardLogger({ logdir }),
    };
  }
  handleBatch(batch: ddp.Batch) {
    const [features, targets] = batch as [ddp.tf.Tensor, ddp.tf.Tensor];
    this.batch = { features, targets, logits: this.model.apply(features) as ddp.tf.Tensor };
  }
}

/** Without seeds of their own the layers start from the run's seed, the same on all ranks. */
function build() {
  return tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [28, 28] }),
      tf.layers.dense({ name: "encoder", units: 128, activation: "relu" }),
      tf.layers.dense({ name: "head", units: 10 }),
    ],
  });
}
