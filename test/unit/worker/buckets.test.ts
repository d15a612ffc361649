// Gradients on their way: in buckets, while others are read, and in 16 bits.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { Criterion } from "../../../src/core/criterion.js";
import type { Parameter } from "../../../src/core/parameters.js";
import { loadEngine } from "../../../src/engine/load.js";
import { crossEntropyLoss, OptimizerCallback, tf } from "../../../src/index.js";
import { SIGNALS } from "../../../src/worker/gradients/agreement.js";
import { type Bucket, planBuckets, reduceBuckets } from "../../../src/worker/gradients/buckets.js";
import { runRanks } from "../../support/ranks.js";
import { ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

/** Weights of so many values; a plan reads nothing else of them. */
function parametersOf(sizes: readonly number[]): Parameter[] {
  return sizes.map((size, i) => ({ name: `${i}`, trainable: true, variable: { size } as tf.Variable }));
}

function plan(sizes: readonly number[], bytes: number): string[] {
  return planBuckets(parametersOf(sizes), bytes).map(
    ({ parameters, start, end }) => `${parameters.map(({ name }) => name)}: ${start} to ${end}`,
  );
}

describe("a plan of buckets", () => {
  test("goes from the last weight to the first, and takes the signals along at first", () => {
    assert.deepEqual(plan([6, 3, 4], 4 * 13), ["1,2: 6 to 15", "0: 0 to 6"]);
    assert.deepEqual(plan([6, 3, 4], 4 * 15), ["0,1,2: 0 to 15"]);
  });

  test("gives a weight that is larger than a bucket one of its own", () => {
    assert.deepEqual(plan([2, 100, 1, 1], 4 * 8), ["2,3: 102 to 106", "1: 2 to 102", "0: 0 to 2"]);
    assert.deepEqual(plan([5], 1), ["0: 0 to 7"]);
  });

  test("covers the vector once, whatever the sizes", () => {
    for (let bytes = 4; bytes < 200; bytes += 4) {
      const sizes = [7, 1, 13, 1, 2, 30, 0, 4];
      const buckets = planBuckets(parametersOf(sizes), bytes);
      let end = sizes.reduce((sum, size) => sum + size, SIGNALS);
      for (const bucket of buckets) {
        assert.equal(bucket.end, end);
        end = bucket.start;
      }
      assert.equal(end, 0);
      const names = buckets.flatMap(({ parameters }) => parameters.map(({ name }) => name));
      assert.deepEqual(names.sort(), [..."01234567"]);
    }
  });
});

describe("reducing buckets", () => {
  const buckets: Bucket[] = [2, 1, 0].map((start) => ({ parameters: [], start, end: start + 1 }));

  test("one travels while the next is read, and all have arrived at the end", async () => {
    const events: string[] = [];
    const note =
      (event: string) =>
      async ({ start }: Bucket) => {
        events.push(`${event} ${start}`);
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        events.push(`${event} ${start} done`);
      };
    await reduceBuckets(buckets, note("read"), note("reduce"));
    const before = (first: string, second: string) =>
      assert.ok(events.indexOf(first) < events.indexOf(second), `${first} < ${second} in ${events}`);
    before("read 2 done", "reduce 2");
    before("reduce 2", "read 1");
    before("read 1", "reduce 2 done");
    before("reduce 1", "read 0");
    for (const { start } of buckets) assert.ok(events.includes(`reduce ${start} done`));
  });

  test("a failure on the way, or in reading, is the failure of all, and no other rejection is left", async () => {
    const broken = () => Promise.reject(new Error("lost"));
    await assert.rejects(reduceBuckets(buckets, undefined, broken), /lost/);
    await assert.rejects(
      reduceBuckets(buckets, ({ start }) => (start === 1 ? broken() : Promise.resolve()), broken),
      /lost/,
    );
  });
});

const EACH_WEIGHT = 1e-6;

/** Two layers, so that there are four weights. */
class Deeper extends ToyRecipe {
  override getModel(_stage: string): tf.LayersModel {
    const dense = (units: number, name: string, more = {}) =>
      tf.layers.dense({ units, name, kernelInitializer: tf.initializers.glorotNormal({ seed: 3 }), ...more });
    return tf.sequential({
      layers: [dense(5, "first", { inputShape: [2], activation: "tanh" }), dense(3, "second")],
    });
  }
}

class Accumulating extends Deeper {
  override getCallbacks(stage: string) {
    const optimizer = new OptimizerCallback({ metricKey: "loss", accumulationSteps: 2 });
    return { ...super.getCallbacks(stage), optimizer };
  }
}

describe("a run with a bucket for each weight", () => {
  for (const [name, Recipe] of [
    ["one step a batch", Deeper],
    ["accumulated batches", Accumulating],
  ] as const) {
    test(`${name}: two ranks get the bits of one bucket, three the same each time`, async () => {
      const hash = async (worldSize: number, bucketMb: number) =>
        (await runRanks(Recipe, worldSize, { bucketMb }))[0].weights_sha256;
      // Two numbers have one sum; with three the bucket decides who begins.
      assert.equal(await hash(2, EACH_WEIGHT), await hash(2, 25));
      assert.equal(await hash(3, EACH_WEIGHT), await hash(3, EACH_WEIGHT));
    });
  }
});

describe("a run with 16-bit gradients", () => {
  for (const wire of ["fp16", "bf16"] as const) {
    test(`${wire}: all ranks have the same weights, near those of fp32 but not the same`, async () => {
      const lossOf = async (changes: { wire?: "fp32" | "fp16" | "bf16" }) => {
        const [first, ...others] = await runRanks(Deeper, 3, changes);
        for (const other of others) assert.equal(other.weights_sha256, first.weights_sha256);
        const train = first.stages.at(-1)?.epochs.at(-1)?.train;
        assert.ok(typeof train === "object");
        return { hash: first.weights_sha256, loss: Number(train.metrics.loss) };
      };
      const [exact, rounded] = [await lossOf({}), await lossOf({ wire })];
      assert.notEqual(rounded.hash, exact.hash);
      assert.ok(Math.abs(rounded.loss - exact.loss) < 0.02 * exact.loss, `${rounded.loss} for ${exact.loss}`);
    });
  }

  test("one rank alone has nothing to round", async () => {
    const hash = async (wire: "fp32" | "bf16") => (await runRanks(Deeper, 1, { wire }))[0].weights_sha256;
    assert.equal(await hash("bf16"), await hash("fp32"));
  });

  /** Each gradient times 10^7, but for what the optimizer makes of it. */
  class Steep extends Deeper {
    override getCriterion(): Criterion {
      return (outputs, targets) => tf.mul(crossEntropyLoss(outputs, targets), 1e7);
    }
    override getOptimizer(): tf.Optimizer {
      return tf.train.adam(0.01);
    }
  }

  test("fp16: a gradient that does not fit ends the run, and bf16 has room for it", async () => {
    await assert.rejects(
      runRanks(Steep, 2, { wire: "fp16" }),
      /the mean gradient does not fit into fp16; try --wire bf16 or fp32, or leave such batches out with --on-nan skip/,
    );
    await runRanks(Steep, 2, { wire: "bf16" });
  });

  test("fp16: such batches are left out with --on-nan skip", async () => {
    const hash = async (wire: "fp16" | "fp32", epochs: number) =>
      (await runRanks(Steep, 2, { wire, onNan: "skip", epochs }))[0].weights_sha256;
    // Nothing is learned, so a longer run ends with the same weights; without rounding it does not.
    assert.equal(await hash("fp16", 1), await hash("fp16", 3));
    assert.notEqual(await hash("fp32", 1), await hash("fp32", 3));
  });
});
