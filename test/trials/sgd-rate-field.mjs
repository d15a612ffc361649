// lr set on the field of an SGD optimizer in epoch 2: what is printed and what is used?
import { Base, note } from "./base.mjs";
export default class extends Base {
  epochsN = 2;
  N = 16;
  extra() {
    const rank = this.config.rank;
    return {
      s: {
        order: 100,
        onEpochStart: (c) => {
          if (c.counters.stageEpochStep === 2) c.optimizer.learningRate = 0;
        },
        onEpochEnd: () => rank === 0 && note({ w: [...this.model.getWeights()[0].dataSync()] }),
      },
    };
  }
}
