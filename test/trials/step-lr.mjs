// A scheduler ported from torch the usual way: state = step count only; lr is set in step().
import { Base, note } from "./base.mjs";

class StepLR {
  n = 0;
  constructor(opt, base) {
    this.opt = opt;
    this.base = base;
  }
  step() {
    this.n++;
    this.opt.setLearningRate(this.base * 0.5 ** this.n);
  }
  stateDict() {
    return { n: this.n };
  }
  loadStateDict(s) {
    this.n = s.n;
  }
}

import { ddp } from "./base.mjs";
export default class extends Base {
  epochsN = 4;
  N = 40;
  getScheduler(_s, opt) {
    return new StepLR(opt, this.lr);
  }
  extra() {
    const rank = this.config.rank;
    return {
      sched: new ddp.SchedulerCallback(),
      die: {
        order: 110,
        async onEpochStart(c) {
          note({ rank, epoch: c.counters.globalEpochStep, lr: c.optimizer.learningRate });
          if (process.env.DIE && c.counters.globalEpochStep === Number(process.env.DIE)) {
            await new Promise((r) => setTimeout(r, 200));
            if (rank === 1) process.kill(process.pid, "SIGKILL");
          }
        },
      },
    };
  }
}
