// dropout masks over ranks and batches
import { Base, note, tf } from "./base.mjs";
export default class extends Base {
  N = 16;
  getModel() {
    return tf.sequential({
      layers: [
        tf.layers.dropout({
          inputShape: [1],
          rate: 0.5,
          ...(process.env.SEEDED ? { seed: this.config.seed } : {}),
        }),
        tf.layers.dense({ name: "d", units: 1, kernelInitializer: "zeros" }),
      ],
    });
  }
  handleBatch({ x, y }) {
    if (this.training) {
      const m = tf.sign(this.model.layers[0].apply(x, { training: true }));
      note({ rank: this.config.rank, mask: [...m.dataSync()].join("") });
    }
    this.batch = { x, y, fit: this.model.apply(x, { training: this.training }) };
  }
}
