// classification, 3 classes; LABELS=ok|oor|neg|float|floatlogit|onehot|col
import { Base, ddp, tf } from "./base.mjs";

const mode = process.env.LABELS;
const lab = (i) => {
  const v = i % 3;
  if (mode === "oor") return i === 5 ? 3 : v;
  if (mode === "neg") return i === 5 ? -1 : v;
  if (mode === "oorvalid") return v;
  return v;
};
const data = (n, valid) => ({
  length: n,
  collate: (idx) => {
    const a = Array.from(idx);
    let y = a.map(lab);
    if (mode === "oorvalid" && valid) y = a.map((i) => (i === 5 ? 3 : i % 3));
    const x = tf.tensor2d(
      a.map((i) => [i % 3 === 0 ? 1 : 0, i % 3 === 1 ? 1 : 0]),
      [a.length, 2],
    );
    let t = tf.tensor1d(y, mode === "float" ? "float32" : "int32");
    if (mode === "onehot") t = tf.oneHot(t, 3);
    if (mode === "col") t = t.reshape([-1, 1]);
    return { x, y: t };
  },
});
export default class extends Base {
  epochsN = 2;
  getLoaders() {
    const { batchSize } = this.config;
    const t = data(24),
      v = data(9, true);
    return {
      train: new ddp.DataLoader(t, { batchSize, sampler: this.sampler(t, true) }),
      valid: new ddp.DataLoader(v, { batchSize, sampler: this.sampler(v, false) }),
    };
  }
  getModel() {
    return tf.sequential({
      layers: [tf.layers.dense({ name: "d", inputShape: [2], units: 3, kernelInitializer: "zeros" })],
    });
  }
  getCriterion() {
    return ddp.crossEntropyLoss;
  }
  extra() {
    const k = { inputKey: "fit", targetKey: "y" };
    return {
      acc: new ddp.AccuracyCallback({ ...k, topk: [1, 2] }),
      prf: new ddp.PrecisionRecallF1SupportCallback({ ...k, numClasses: 3 }),
      cm: new ddp.ConfusionMatrixCallback({ ...k, numClasses: 3 }),
    };
  }
}
