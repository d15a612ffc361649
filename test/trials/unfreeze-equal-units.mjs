// two stages with the same kind of optimizer; stage 2 unfreezes a layer and takes over everything ("last_full")
import { Base, note, tf } from "./base.mjs";
export default class extends Base {
  stages = ["head", "all"];
  N = 32;
  load = process.env.LOAD ?? "last_full";
  getModel(stage) {
    return tf.sequential({
      layers: [
        tf.layers.dense({
          name: "enc",
          inputShape: [1],
          units: 2,
          kernelInitializer: "ones",
          trainable: stage !== "head",
        }),
        tf.layers.dense({ name: "d", units: 1, kernelInitializer: "zeros" }),
      ],
    });
  }
  getOptimizer(stage) {
    const k = process.env.OPT ?? "adam";
    if (k === "adam") return tf.train.adam(0.1);
    if (k === "momentum") return tf.train.momentum(0.1, 0.9);
    return stage === "head" ? tf.train.adam(0.1) : tf.train.sgd(0.1);
  }
  extra() {
    const _rank = this.config.rank;
    return {
      look: {
        order: 130,
        onStageStart: async (c) => {
          const s = await c.stateDict();
          if (s)
            note({
              stage: c.stageKey,
              opt: Object.fromEntries(
                Object.entries(s.optimizer).map(([k, v]) => [k, [...v.data].slice(0, 2)]),
              ),
            });
        },
      },
    };
  }
}
