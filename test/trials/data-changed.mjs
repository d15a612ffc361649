// the data set grows between the two lives (N from env), killed mid-epoch
import { Base } from "./base.mjs";
export default class extends Base {
  N = Number(process.env.N ?? 80);
  epochsN = 2;
  extra() {
    const rank = this.config.rank;
    return {
      die: {
        order: 110,
        onBatchEnd: async (c) => {
          await new Promise((r) => setTimeout(r, 30));
          if (
            process.env.DIE &&
            rank === 1 &&
            c.isTrainLoader &&
            c.counters.stageEpochStep === 1 &&
            c.batchIndex === 6
          )
            process.exit(3);
        },
      },
    };
  }
}
