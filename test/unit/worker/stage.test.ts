// What a recipe gets wrong is told in one line that names the part.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { UsageError } from "../../../src/core/errors.js";
import type { RecipeClass } from "../../../src/core/recipe.js";
import { loadEngine } from "../../../src/engine/load.js";
import {
  CheckpointCallback,
  DataLoader,
  OptimizerCallback,
  setRequiresGrad,
  tf,
} from "../../../src/index.js";
import { runRanks } from "../../support/ranks.js";
import { Points, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

/** A recipe that differs from a good one in what is given. */
function wrong(changes: object): RecipeClass {
  return class extends ToyRecipe {
    constructor(config: ConstructorParameters<typeof ToyRecipe>[0]) {
      super(config);
      Object.assign(this, changes);
    }
  };
}

const cases: readonly [name: string, changes: object, message: RegExp, worldSize?: number][] = [
  ["no stages", { stages: undefined }, /lacks stages/],
  ["no model", { getModel: undefined }, /lacks the method getModel/],
  [
    "no batches",
    { getLoaders: () => ({}) },
    /getLoaders\("one"\) returned a Object; it must return an object of loaders/,
  ],
  [
    "a loader of another kind",
    { getLoaders: () => ({ test: [] }) },
    /loader "test" must start with train, valid or infer/,
  ],
  [
    "something else as loader",
    { getLoaders: () => ({ train: 3 }) },
    /"train" is not a loader; use new DataLoader/,
  ],
  [
    "a model that is none",
    { getModel: () => 7 },
    /getModel\("one"\) returned 7; it must return a tfjs LayersModel/,
  ],
  ["an async getter", { getModel: async () => null }, /getModel\("one"\) returned null/],
  [
    "a criterion that is none",
    { getCriterion: () => "mse" },
    /getCriterion\("one"\) returned mse; .* a function/,
  ],
  ["no optimizer", { getOptimizer: () => null }, /getOptimizer\("one"\) returned null; .* tf\.train\.adam/],
  ["half an epoch", { getStageLen: () => 0.5 }, /getStageLen\("one"\) returned 0\.5; .* whole number/],
  [
    "callbacks without order",
    { getCallbacks: () => ({ a: {} }) },
    /getCallbacks\("one"\).* each with an order/,
  ],
  [
    "an empty loader",
    { getLoaders: () => ({ train: new DataLoader(new Points(3), { batchSize: 4, dropLast: true }) }) },
    /loader "train" of stage "one" is empty/,
  ],
  [
    "a loss that nobody computes",
    { getCallbacks: () => ({ optimizer: new OptimizerCallback({ metricKey: "loss" }) }) },
    /wants the loss "loss", but callbacks made: no loss/,
  ],
  [
    "targets that handleBatch does not give",
    {
      handleBatch(this: ToyRecipe, [x]: tf.Tensor[]) {
        this.batch = { logits: this.model.apply(x) as tf.Tensor };
      },
    },
    /CriterionCallback wants "targets" in the batch, but handleBatch put there: logits/,
  ],
  [
    "a checkpoint of a loader that is not there",
    {
      getCallbacks: () => ({
        c: new CheckpointCallback("/nowhere", { loaderKey: "test", metricKey: "loss", minimize: true }),
      }),
    },
    /no loader "test"; known: train, valid/,
  ],
];

for (const [name, changes, message, worldSize = 1] of cases) {
  test(`${name} is told in one line`, async () => {
    await assert.rejects(runRanks(wrong(changes), worldSize), (error: Error) => {
      assert.ok(error instanceof UsageError, error.stack);
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n"), error.message);
      return true;
    });
  });
}

test("a model whose every weight is frozen cannot train", async () => {
  class Frozen extends ToyRecipe {
    override getModel(stage: string) {
      const model = super.getModel(stage);
      setRequiresGrad(model, false);
      return model;
    }
  }
  await assert.rejects(runRanks(Frozen, 1), /every weight is frozen/);
});

test("an unknown stage is refused and the known ones are listed", async () => {
  await assert.rejects(
    runRanks(ToyRecipe, 1, { stages: ["three"] }),
    /no stage "three"; its stages are: one, two/,
  );
});

test("ranks with unequal train loaders are stopped before they wait for each other", async () => {
  class Unequal extends ToyRecipe {
    override getLoaders() {
      const first = 100 * this.config.rank;
      const indices = Int32Array.from({ length: 4 + 8 * this.config.rank }, (_, i) => first + i);
      const sampler = { length: indices.length, indices: () => indices };
      return { train: new DataLoader(new Points(200), { batchSize: 4, sampler }) };
    }
  }
  await assert.rejects(runRanks(Unequal, 2), /"train" of stage "one" has 1, 3 batches on ranks 0 to 1/);
});

test("ranks with different models are stopped before their numbers are added up", async () => {
  class Unequal extends ToyRecipe {
    override getModel() {
      const units = 3 + this.config.rank;
      return tf.sequential({ layers: [tf.layers.dense({ name: "dense", units, inputShape: [2] })] });
    }
  }
  await assert.rejects(runRanks(Unequal, 2), /rank 1 built another stage "one" than rank 0/);
});
