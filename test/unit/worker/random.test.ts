// Everything random of a run repeats with it: initialisers without a seed, dropout with and without one, noise, and a
// recipe's own draws.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { RandomStream } from "../../../src/core/random-stream.js";
import { loadEngine } from "../../../src/engine/load.js";
import { CheckpointCallback, type RunContext, tf } from "../../../src/index.js";
import { temporaryFolder } from "../../support/data-files.js";
import { runRanks } from "../../support/ranks.js";
import { at, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

class Killed extends Error {}

/** Masks that a dropout layer of ones gave in train batches, by rank. */
type Masks = Map<number, string[]>;

function noisy(masks: Masks, seed: number | undefined, killAt = -1) {
  return class extends ToyRecipe {
    override readonly stages = ["one"];
    override trainSamples = 32;
    override getModel(): tf.LayersModel {
      return tf.sequential({
        layers: [
          tf.layers.dense({ name: "a", units: 16, inputShape: [2], activation: "tanh" }),
          tf.layers.dropout({ rate: 0.5, ...(seed === undefined ? {} : { seed }) }),
          tf.layers.gaussianNoise({ stddev: 0.1 }),
          tf.layers.alphaDropout({ rate: 0.1 }),
          tf.layers.dense({ name: "b", units: 3 }),
        ],
      });
    }
    override handleBatch(batch: Parameters<ToyRecipe["handleBatch"]>[0]) {
      super.handleBatch(batch);
      if (!this.training) return;
      const mask = this.model.layers[1].apply(tf.ones([1, 16]), { training: true }) as tf.Tensor;
      const drawn = `${[...mask.dataSync()].map(Math.sign).join("")} ${this.random.uniform()} ${Math.random()}`;
      masks.set(this.config.rank, [...(masks.get(this.config.rank) ?? []), drawn]);
    }
    override getCallbacks(stage: string) {
      const kill = at("onBatchStart", ({ counters, isTrainLoader, batchIndex }: RunContext) => {
        if (isTrainLoader && counters.stageEpochStep === 2 && batchIndex === killAt) throw new Killed();
      });
      const checkpoint = new CheckpointCallback(this.config.logdir, {});
      return { ...super.getCallbacks(stage), checkpoint, kill };
    }
  };
}

for (const [name, seed] of [
  ["without a seed", undefined],
  ["with a seed", 7],
] as const) {
  describe(`dropout ${name}`, () => {
    test("differs by batch and by rank, and repeats with the run", async () => {
      const [first, second]: [Masks, Masks] = [new Map(), new Map()];
      const [a] = await runRanks(noisy(first, seed), 2);
      const [b] = await runRanks(noisy(second, seed), 2);
      assert.equal(a.weights_sha256, b.weights_sha256);
      assert.deepEqual(first, second);
      const all = [...first.values()].flat();
      assert.equal(all.length, 2 * 2 * 4);
      assert.equal(new Set(all.map((drawn) => drawn.split(" ")[0])).size, all.length);
      const [other] = await runRanks(noisy(new Map(), seed), 2, { seed: 43 });
      assert.notEqual(other.weights_sha256, a.weights_sha256);
    });

    for (const killAt of [0, 1, 3]) {
      test(`goes on after a run that ended before batch ${killAt} as if it had not`, async (t) => {
        const [whole, folder] = [new Map(), temporaryFolder(t)];
        const options = { checkpointEvery: 1, logdir: folder };
        const [expected] = await runRanks(noisy(whole, seed), 2);
        await assert.rejects(runRanks(noisy(new Map(), seed, killAt), 2, options), Killed);
        const rest: Masks = new Map();
        const resume = `${folder}/checkpoints/last.safetensors`;
        const [resumed] = await runRanks(noisy(rest, seed), 2, options, { resume });
        assert.equal(resumed.weights_sha256, expected.weights_sha256);
        for (const rank of [0, 1]) assert.deepEqual(rest.get(rank), whole.get(rank)?.slice(4 + killAt));
      });
    }
  });
}

describe("a stream of random numbers", () => {
  test("is the same on all ranks for a stage, and another on each in each batch", () => {
    const draws = (rank: number, begin: (stream: RandomStream) => void, seed = 1) => {
      const stream = new RandomStream(seed, rank);
      begin(stream);
      return [stream.uniform(), stream.uniform(), stream.normal(), stream.whole(1000)].join();
    };
    const stage = (index: number) => (stream: RandomStream) => stream.beginStage(index);
    const batch = (index: number) => (stream: RandomStream) => stream.beginBatch(index);
    assert.equal(draws(0, stage(1)), draws(5, stage(1)));
    const others = [
      ...[0, 1, 2].map((index) => draws(0, stage(index))),
      ...[0, 1, 2].flatMap((rank) => [0, 1, 2 ** 32].map((index) => draws(rank, batch(index)))),
      draws(0, stage(0), 2),
      draws(0, stage(0), 1 + 2 ** 32),
    ];
    assert.equal(new Set(others).size, others.length);
  });

  test("gives Math.random back", () => {
    const before = Math.random;
    const stream = new RandomStream(3, 0);
    stream.use();
    assert.notEqual(Math.random, before);
    stream.release();
    assert.equal(Math.random, before);
  });

  test("is uniform and normal as far as ten thousand draws can tell", () => {
    const stream = new RandomStream(11, 0);
    const mean = (draw: () => number) => Array.from({ length: 1e4 }, draw).reduce((a, b) => a + b) / 1e4;
    assert.ok(Math.abs(mean(() => stream.uniform(2, 4)) - 3) < 0.03);
    assert.ok(Math.abs(mean(() => stream.normal(5, 2)) - 5) < 0.1);
    assert.ok(Math.abs(mean(() => stream.normal() ** 2) - 1) < 0.06);
    assert.ok(Math.abs(mean(() => stream.whole(3)) - 1) < 0.05);
  });
});
