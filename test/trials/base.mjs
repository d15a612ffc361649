// y = w.x, one weight vector [D,1], SGD, mean squared error; everything computable by hand.
import * as ddp from "ddp-train";

const { tf } = ddp;

import { appendFileSync } from "node:fs";
export const note = (o) => {
  if (process.env.NOTES) appendFileSync(process.env.NOTES, `${JSON.stringify(o)}\n`);
};
export const lin = (length, opt = {}) => ({
  length,
  collate: (indices) => {
    const idx = Array.from(indices);
    opt.seen?.(idx);
    return {
      x: tf.tensor2d(
        idx.map((i) => [(i % 5) / 5 + 0.1]),
        [idx.length, 1],
      ),
      y: tf.tensor2d(
        idx.map((i) => [3 * ((i % 5) / 5 + 0.1) + (i % 3)]),
        [idx.length, 1],
      ),
    };
  },
});
export class Base extends ddp.Recipe {
  stages = ["one"];
  N = 20;
  NV = 7;
  epochsN = 1;
  accumulate = 1;
  clipNorm = undefined;
  lr = 0.1;
  getStageLen() {
    return this.epochsN;
  }
  sampler(data, shuffle, more = {}) {
    const { rank, worldSize: numReplicas, seed } = this.config;
    return new ddp.DistributedSampler(data, { numReplicas, rank, seed, shuffle, pad: shuffle, ...more });
  }
  getLoaders() {
    const { batchSize, rank } = this.config;
    const t = lin(this.N, { seen: (i) => note({ rank, loader: "train", i }) }),
      v = lin(this.NV, { seen: (i) => note({ rank, loader: "valid", i }) });
    return {
      train: new ddp.DataLoader(t, { batchSize, sampler: this.sampler(t, true) }),
      valid: new ddp.DataLoader(v, { batchSize, sampler: this.sampler(v, false) }),
    };
  }
  getModel() {
    return tf.sequential({
      layers: [
        tf.layers.dense({ name: "d", inputShape: [1], units: 1, useBias: true, kernelInitializer: "zeros" }),
      ],
    });
  }
  getCriterion() {
    return (y, t) => tf.losses.meanSquaredError(t, y);
  }
  getOptimizer() {
    return tf.train.sgd(this.lr);
  }
  extra() {
    return {};
  }
  getCallbacks() {
    return {
      criterion: new ddp.CriterionCallback({ metricKey: "loss", inputKey: "fit", targetKey: "y" }),
      optimizer: new ddp.OptimizerCallback({
        metricKey: "loss",
        accumulationSteps: this.accumulate,
        ...(this.clipNorm ? { clipNorm: this.clipNorm } : {}),
      }),
      checkpoint: new ddp.CheckpointCallback(this.config.logdir, {
        loaderKey: "valid",
        metricKey: "loss",
        minimize: true,
        saveNBest: 3,
        ...(this.load ? { loadOnStageStart: this.load } : {}),
      }),
      ...this.extra(),
    };
  }
  getLoggers() {
    return { console: new ddp.ConsoleLogger(), csv: new ddp.CsvLogger(this.config) };
  }
  handleBatch({ x, y }) {
    this.batch = { x, y, fit: this.model.apply(x, { training: this.training }) };
  }
}
export default Base;
export { ddp, tf };
