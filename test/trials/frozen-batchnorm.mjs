// BatchNorm in a frozen encoder: gamma, beta AND the moving averages should stay as they were; and in an unfrozen one ranks must agree.
import { Base, note, tf } from "./base.mjs";
export default class extends Base {
  stages = ["frozen", "all"];
  N = 40;
  load = "best";
  getModel(stage) {
    const m = tf.sequential({
      layers: [
        tf.layers.dense({
          name: "enc",
          inputShape: [1],
          units: 2,
          kernelInitializer: "ones",
          trainable: stage !== "frozen",
        }),
        tf.layers.batchNormalization({ name: "bn" }),
        tf.layers.dense({ name: "d", units: 1, kernelInitializer: "zeros" }),
      ],
    });
    if (stage === "frozen") m.getLayer("bn").trainable = false;
    return m;
  }
  extra() {
    const rank = this.config.rank;
    return {
      look: {
        order: 130,
        onEpochEnd: (c) =>
          note({
            rank,
            stage: c.stageKey,
            w: this.model.weights.map((w) => [
              w.originalName,
              [...w.read().dataSync()].map((v) => +v.toFixed(4)),
            ]),
          }),
      },
    };
  }
}
