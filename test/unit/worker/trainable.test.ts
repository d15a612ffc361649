// What is frozen stays, what is unfrozen learns, at any time; what layers ask for beside the loss is done.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { loadEngine } from "../../../src/engine/load.js";
import {
  CheckpointCallback,
  type Model,
  namedParameters,
  type RunContext,
  setRequiresGrad,
  tf,
} from "../../../src/index.js";
import { runRanks } from "../../support/ranks.js";
import { at, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

const seeded = () => ({ kernelInitializer: tf.initializers.glorotNormal({ seed: 5 }) });
const dense = (name: string, units: number, more: object = {}) =>
  tf.layers.dense({ name, units, ...seeded(), ...more });
/** In the model's order; tfjs's own `getWeights` has those that train first. */
const values = async (model: Model) =>
  Promise.all(namedParameters(model).map(async ({ variable }) => [...(await variable.data())]));

/** A recipe of one stage with this model, whose weights are noted at each epoch's end on rank 0. */
function withModel(
  build: () => tf.LayersModel,
  notes: number[][][],
  more: Partial<Pick<ToyRecipe, "getOptimizer">> & { epochs?: number; freezeBatchNorm?: boolean } = {},
  hook?: (context: RunContext) => void,
) {
  return class extends ToyRecipe {
    override readonly stages: readonly string[] = ["one"];
    override readonly freezeBatchNorm = more.freezeBatchNorm ?? true;
    override getStageLen = () => more.epochs ?? 2;
    override getModel = (_stage: string) => build();
    override getOptimizer = more.getOptimizer ?? (() => tf.train.sgd(0.5));
    override getCallbacks(stage: string) {
      const note = at("onEpochEnd", async ({ model, group }) => {
        const weights = await values(model);
        if (group.rank === 0) notes.push(weights);
      });
      return { ...super.getCallbacks(stage), note, ...(hook ? { hook: at("onEpochStart", hook) } : {}) };
    }
  };
}

describe("freezing and unfreezing within a stage", () => {
  const build = () => {
    const model = tf.sequential({
      layers: [dense("enc", 4, { inputShape: [2], activation: "tanh" }), dense("head", 3)],
    });
    setRequiresGrad(model, { enc: false });
    return model;
  };
  for (const [how, unfreeze] of [
    ["setRequiresGrad", ({ model }: RunContext) => void setRequiresGrad(model, { "e*": true })],
    [
      "layer.trainable",
      ({ model }: RunContext) => {
        (model as tf.LayersModel).getLayer("enc").trainable = true;
      },
    ],
  ] as const) {
    test(`by ${how} takes effect from the next batch on, on all ranks`, async () => {
      const notes: number[][][] = [];
      const hook = (context: RunContext) => {
        if (context.counters.stageEpochStep === 2) unfreeze(context);
      };
      const all = await runRanks(withModel(build, notes, {}, hook), 2);
      assert.equal(all[0].weights_sha256, all[1].weights_sha256);
      const start = await values(build());
      assert.deepEqual(notes[0].slice(0, 2), start.slice(0, 2));
      assert.notDeepEqual(notes[1].slice(0, 2), start.slice(0, 2));
    });
  }

  test("each weight keeps its own momentum, whatever trains beside it", async () => {
    // The head is frozen for an epoch and goes on with its old momentum; the encoder's begins at zero.
    const open = () => {
      const model = build();
      setRequiresGrad(model, true);
      setRequiresGrad(model, { enc: false });
      return model;
    };
    const slots: string[][] = [];
    const run = async (isSwitched: boolean) => {
      const recipe = class extends withModel(open, [], {
        epochs: 3,
        getOptimizer: () => tf.train.momentum(0.1, 0.9),
      }) {
        override getCallbacks(stage: string) {
          const change = at("onEpochStart", ({ model, counters }) => {
            if (isSwitched && counters.stageEpochStep === 2)
              setRequiresGrad(model, { enc: true, head: false });
            if (isSwitched && counters.stageEpochStep === 3)
              setRequiresGrad(model, { enc: true, head: true });
          });
          const look = at("onEpochEnd", async (context) => {
            const state = await context.stateDict();
            slots.push(Object.entries(state?.optimizer ?? {}).map(([name, { shape }]) => `${name} ${shape}`));
          });
          return { ...super.getCallbacks(stage), change, look };
        }
      };
      return (await runRanks(recipe, 1))[0].weights_sha256;
    };
    await run(true);
    const [enc, head] = [
      ["enc/kernel/momentum 2,4", "enc/bias/momentum 4"],
      ["head/kernel/momentum 4,3", "head/bias/momentum 3"],
    ];
    assert.deepEqual(slots[0].sort(), ["iter ", ...head].sort());
    assert.deepEqual(slots[1].sort(), ["iter ", ...enc, ...head].sort());
    assert.deepEqual(slots[2].sort(), ["iter ", ...enc, ...head].sort());
  });
});

describe("a stage that unfreezes a layer and takes over the optimizer's state", () => {
  test("gives each weight its own slot, and new ones begin at zero: equal units stay equal", async () => {
    const ends: number[][][] = [];
    class Recipe extends ToyRecipe {
      override readonly stages = ["head", "all"];
      override getModel(stage: string) {
        const enc = tf.layers.dense({ name: "enc", units: 2, inputShape: [2], kernelInitializer: "ones" });
        const head = tf.layers.dense({ name: "head", units: 3, kernelInitializer: "ones" });
        const model = tf.sequential({ layers: [enc, head] });
        setRequiresGrad(model, stage === "head" ? { enc: false } : true);
        return model;
      }
      override getOptimizer = () => tf.train.momentum(0.1, 0.9);
      override getCallbacks(stage: string) {
        const checkpoint = new CheckpointCallback(this.config.logdir, { loadOnStageStart: "last_full" });
        const note = at("onStageEnd", async ({ model }) => void ends.push(await values(model)));
        return { ...super.getCallbacks(stage), checkpoint, note };
      }
    }
    await runRanks(Recipe, 1);
    const [kernel] = ends[1];
    assert.deepEqual([kernel[0], kernel[2]], [kernel[1], kernel[3]]);
    assert.notDeepEqual(kernel, [1, 1, 1, 1]);
  });

  test("refuses the state of another class of optimizer", async () => {
    class Recipe extends ToyRecipe {
      override getOptimizer = (stage: string) =>
        stage === "one" ? tf.train.adam(0.1) : tf.train.momentum(0.1, 0.9);
      override getCallbacks(stage: string) {
        const checkpoint = new CheckpointCallback(this.config.logdir, { loadOnStageStart: "last_full" });
        return { ...super.getCallbacks(stage), checkpoint };
      }
    }
    await assert.rejects(runRanks(Recipe, 1), /state is of Adam, the stage's optimizer is Momentum/);
  });
});

describe("a frozen batch normalisation", () => {
  const build = (): tf.LayersModel => {
    const norm = tf.layers.batchNormalization({ name: "norm" });
    const model = tf.sequential({
      layers: [tf.layers.reshape({ targetShape: [2], inputShape: [2] }), norm, dense("head", 3)],
    });
    setRequiresGrad(model, { norm: false });
    return model;
  };
  const movingMean = async (freezeBatchNorm: boolean) => {
    const notes: number[][][] = [];
    await runRanks(withModel(build, notes, { freezeBatchNorm }), 2);
    return notes[1][2];
  };

  test("computes as in inference and keeps its averages", async () => {
    assert.deepEqual(await movingMean(true), [0, 0]);
  });
  test("moves them where the recipe wants torch's way", async () => {
    assert.notDeepEqual(await movingMean(false), [0, 0]);
  });
});

describe("penalties and constraints", () => {
  test("a penalty is in the loss once, whatever the number of ranks, also of a shared and of a wrapped layer", async () => {
    const build = (l2: number) => () => {
      const shared = tf.layers.dense({
        name: "shared",
        units: 2,
        kernelInitializer: "ones",
        kernelRegularizer: tf.regularizers.l2({ l2 }),
      });
      const input = tf.input({ shape: [2] });
      const twice = shared.apply(shared.apply(input)) as tf.SymbolicTensor;
      return tf.model({ inputs: input, outputs: dense("head", 3).apply(twice) as tf.SymbolicTensor });
    };
    const lossOf = async (l2: number, worldSize: number) => {
      const still = () => tf.train.sgd(0);
      const [{ stages }] = await runRanks(withModel(build(l2), [], { getOptimizer: still }), worldSize);
      const { valid } = stages[0].epochs[0];
      return (valid as { readonly metrics: Record<string, number> }).metrics.loss;
    };
    const plain = await lossOf(0, 1);
    for (const worldSize of [1, 2, 3]) {
      const penalty = (await lossOf(0.5, worldSize)) - plain;
      assert.ok(Math.abs(penalty - 0.5 * 4) < 1e-5, `${penalty} with ${worldSize} ranks`);
    }
  });

  test("a penalty is trained on as one process would", async () => {
    const build = () =>
      tf.sequential({
        layers: [dense("head", 3, { inputShape: [2], kernelRegularizer: tf.regularizers.l2({ l2: 0.1 }) })],
      });
    const ends = async (worldSize: number, batchSize: number) => {
      const notes: number[][][] = [];
      await runRanks(withModel(build, notes), worldSize, { batchSize });
      return notes[1].flat();
    };
    const [one, two] = [await ends(1, 8), await ends(2, 4)];
    for (const [i, value] of one.entries()) assert.ok(Math.abs(value - two[i]) < 1e-5, `${value} ${two[i]}`);
  });

  test("a constraint holds after each step, and the same on all ranks", async () => {
    const build = () =>
      tf.sequential({
        layers: [dense("head", 3, { inputShape: [2], kernelConstraint: tf.constraints.nonNeg() })],
      });
    const notes: number[][][] = [];
    const [first, second] = await runRanks(withModel(build, notes), 2);
    assert.equal(first.weights_sha256, second.weights_sha256);
    assert.ok(
      notes[1][0].every((value) => value >= 0),
      String(notes[1][0]),
    );
    assert.ok(
      notes[1][0].some((value) => value === 0),
      "no weight has met its constraint",
    );
  });
});
