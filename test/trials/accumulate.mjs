// accumulate 3 over 10 batches, 2 epochs; killed once at a given train batch (rank 1) of epoch 2
import { Base } from "./base.mjs";
export default class extends Base {
  N = 80;
  accumulate = 3;
  epochsN = 2;
  extra() {
    const rank = this.config.rank;
    return {
      die: {
        order: 110,
        onBatchEnd: async (c) => {
          if (
            process.env.DIE &&
            rank === 1 &&
            c.isTrainLoader &&
            c.counters.stageEpochStep === 2 &&
            c.batchIndex === Number(process.env.DIE)
          )
            process.kill(process.pid, "SIGKILL");
          await new Promise((r) => setTimeout(r, 30));
        },
      },
    };
  }
}
