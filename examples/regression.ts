// A recipe of your own: a small network learns y = sin(3x) in two stages, first coarse steps, then fine ones.
import * as ddp from "ddp-train";

const { tf } = ddp;

/** The curve at even places from 0 to 2. A dataset has a length, and makes a batch of the samples it is asked for. */
const sine = (length: number): ddp.Dataset => ({
  length,
  collate: (indices) => {
    const x = Float32Array.from(indices, (i) => (2 * i) / length);
    const y = x.map((value) => Math.sin(3 * value));
    return { x: tf.tensor2d(x, [x.length, 1]), y: tf.tensor2d(y, [x.length, 1]) };
  },
});

export default class Regression extends ddp.Recipe<ddp.tf.Sequential> {
  readonly stages = ["coarse", "fine"];

  getStageLen() {
    return 5;
  }
  getLoaders() {
    const { batchSize, seed, rank, worldSize: numReplicas } = this.config;
    const loader = (data: ddp.Dataset, shuffle: boolean) => {
      const sampler = new ddp.DistributedSampler(data, { numReplicas, rank, seed, shuffle, pad: shuffle });
      return new ddp.DataLoader(data, { batchSize, sampler });
    };
    return { train: loader(sine(20_000), true), valid: loader(sine(1001), false) };
  }
  getModel() {
    const seeded = { kernelInitializer: tf.initializers.glorotNormal({ seed: this.config.seed }) };
    const hidden = tf.layers.dense({ inputShape: [1], units: 32, activation: "tanh", ...seeded });
    return tf.sequential({ layers: [hidden, tf.layers.dense({ units: 1, ...seeded })] });
  }
  getCriterion(): ddp.Criterion {
    return (y, target) => tf.losses.meanSquaredError(target, y);
  }
  getOptimizer(stage: string) {
    return tf.train.adam(stage === "coarse" ? 1e-2 : 1e-3);
  }
  getCallbacks() {
    const best = { loaderKey: "valid", metricKey: "loss", minimize: true, loadOnStageStart: "best" };
    return {
      criterion: new ddp.CriterionCallback({ metricKey: "loss", inputKey: "fit", targetKey: "y" }),
      optimizer: new ddp.OptimizerCallback({ metricKey: "loss" }),
      checkpoint: new ddp.CheckpointCallback(this.config.logdir, best),
    };
  }
  override getLoggers() {
    return { console: new ddp.ConsoleLogger(), csv: new ddp.CsvLogger(this.config) };
  }
  handleBatch(batch: ddp.Batch) {
    const { x, y } = batch as Record<string, ddp.tf.Tensor>;
    this.batch = { x, y, fit: this.model.apply(x) as ddp.tf.Tensor };
  }
}
