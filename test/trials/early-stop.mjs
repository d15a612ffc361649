// early stopping after 2 epochs without gain; MODE=typo: scheduler watches a metric that is not there; MODE=nan: metric NaN at first
import { Base, ddp, note } from "./base.mjs";

const mode = process.env.MODE;
const script = mode === "nan" ? [NaN, NaN, 3, 2, 2, 2, 2, 1] : [3, 2, 2, 2, 2, 1, 1, 1];
export default class extends Base {
  epochsN = 8;
  N = 16;
  getScheduler() {
    return mode === "typo"
      ? {
          step: (m) => note({ rank: this.config.rank, metric: m === undefined ? "undefined" : m }),
          stateDict: () => ({}),
          loadStateDict: () => {},
        }
      : null;
  }
  extra() {
    return {
      x: {
        order: 41,
        onLoaderEnd: (c) => {
          if (!c.isTrainLoader) c.loaderMetrics.loss = script[c.counters.globalEpochStep - 1];
        },
      },
      es: new ddp.EarlyStoppingCallback({
        loaderKey: "valid",
        metricKey: "loss",
        minimize: true,
        patience: 2,
      }),
      ...(mode === "typo" ? { s: new ddp.SchedulerCallback({ loaderKey: "valid", metricKey: "los" }) } : {}),
    };
  }
}
