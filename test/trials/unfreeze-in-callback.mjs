// freeze at first, unfreeze at epoch 2 inside one stage, the Lightning way (a callback)
import { Base, ddp, note, tf } from "./base.mjs";
export default class extends Base {
  epochsN = 3;
  N = 32;
  getModel() {
    const m = tf.sequential({
      layers: [
        tf.layers.dense({ name: "enc", inputShape: [1], units: 2, kernelInitializer: "ones" }),
        tf.layers.dense({ name: "d", units: 1, kernelInitializer: "ones" }),
      ],
    });
    ddp.setRequiresGrad(m, { enc: false });
    return m;
  }
  lr = 0.01;
  extra() {
    const rank = this.config.rank;
    return {
      u: {
        order: 100,
        onEpochStart: (c) => {
          if (c.counters.stageEpochStep === 2) ddp.setRequiresGrad(this.model, true);
        },
        onEpochEnd: (c) =>
          rank === 0 &&
          note({
            epoch: c.counters.stageEpochStep,
            enc: [...this.model.getLayer("enc").getWeights()[0].dataSync()],
            trainable: this.model.getLayer("enc").trainable,
            tw: this.model.trainableWeights.length,
          }),
      },
    };
  }
}
