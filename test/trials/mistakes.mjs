// one mistake a run: BAD=...
import { Base, ddp, lin, tf } from "./base.mjs";

const bad = process.env.BAD;
const onRank1 = (r, f) => {
  if (r === 1) f();
};
export default class extends Base {
  N = 16;
  getLoaders() {
    const l = super.getLoaders();
    const { batchSize } = this.config;
    const wrap = (d, over) => ({ length: d.length, collate: (i) => over(d.collate(i), i) });
    const t = (over) => {
      const d = wrap(lin(16), over);
      return new ddp.DataLoader(d, { batchSize, sampler: this.sampler(d, true) });
    };
    if (bad === "asyncCollate") l.train = t(async (b) => b);
    if (bad === "collateUndefined") l.train = t(() => undefined);
    if (bad === "float64")
      l.train = t((_b, i) => ({
        x: tf.tensor2d(Float64Array.from(i), [i.length, 1]),
        y: tf.zeros([i.length, 1]),
      }));
    if (bad === "strings")
      l.train = t((b, i) => ({ x: b.x, y: tf.tensor2d(Array.from(i, String), [i.length, 1]) }));
    if (bad === "noTrain") delete l.train;
    if (bad === "asyncLoaders") return Promise.resolve(l);
    return l;
  }
  async_() {}
  extra() {
    const rank = this.config.rank;
    if (bad === "validThrow1")
      return {
        x: {
          order: 105,
          onBatchEnd: (c) => {
            if (!c.isTrainLoader)
              onRank1(rank, () => {
                throw new Error("bad image 17");
              });
          },
        },
      };
    if (bad === "throwNull")
      return {
        x: {
          order: 105,
          onBatchEnd: () =>
            onRank1(rank, () => {
              throw null;
            }),
        },
      };
    if (bad === "throwString")
      return {
        x: {
          order: 105,
          onBatchEnd: () =>
            onRank1(rank, () => {
              throw "plain string";
            }),
        },
      };
    if (bad === "reject1")
      return {
        x: {
          order: 105,
          onEpochStart: () =>
            onRank1(rank, () => {
              Promise.reject(new Error("nobody awaits me"));
            }),
          onBatchEnd: () => new Promise((r) => setTimeout(r, 50)),
        },
      };
    if (bad === "exit0")
      return { x: { order: 105, onLoaderEnd: () => onRank1(rank, () => process.exit(0)) } };
    if (bad === "stop1") return { x: { order: 105, onEpochEnd: (c) => onRank1(rank, () => c.stopStage()) } };
    if (bad === "barrier0")
      return {
        x: {
          order: 105,
          onEpochEnd: async (c) => {
            if (rank === 0) await c.group.barrier();
          },
        },
      };
    if (bad === "nanValid")
      return {
        x: {
          order: 41,
          onLoaderEnd: (c) => {
            if (!c.isTrainLoader && c.counters.globalEpochStep < 3) c.loaderMetrics.loss = NaN;
          },
        },
      };
    if (bad === "ties")
      return {
        x: {
          order: 41,
          onLoaderEnd: (c) => {
            if (!c.isTrainLoader) c.loaderMetrics.loss = [5, 3, 3, 3, 3, 9][c.counters.globalEpochStep - 1];
          },
        },
      };
    if (bad === "arrayCallback") return [1];
    if (bad === "print")
      return {
        x: {
          order: 105,
          onEpochEnd: () => {
            console.log("hello from rank", rank);
            console.error("err from", rank);
            process.stdout.write(`no newline ${rank}`);
          },
        },
      };
    return {};
  }
  handleBatch(b) {
    if (bad === "asyncHandle")
      return (async () => {
        await null;
        super.handleBatch(b);
      })();
    if (bad === "asyncHandleSync")
      return (async () => {
        super.handleBatch(b);
      })();
    if (bad === "asyncThrow") {
      super.handleBatch(b);
      return (async () => {
        throw new Error("inside async");
      })();
    }
    super.handleBatch(b);
    if (bad === "wrongShape") this.batch.fit = tf.zeros([3, 2]).add(this.batch.fit.mean());
    if (bad === "missingKey") delete this.batch.fit;
    if (bad === "returnOnly") {
      const r = this.batch;
      this.batch = {};
      return r;
    }
  }
  getCriterion() {
    if (bad === "vectorLoss") return (y, t) => tf.squaredDifference(t, y);
    if (bad === "constLoss") return () => tf.scalar(1);
    return super.getCriterion();
  }
}
if (bad === "throwImport") throw new Error("config file not found");
