// The optimizer callback's steps: when they happen, how large they are, and that a limit which is not reached does
// nothing at all.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { OptimizerCallback, type OptimizerOptions } from "../../../src/callbacks/optimizer.js";
import type { RunContext } from "../../../src/core/context.js";
import { UsageError } from "../../../src/core/errors.js";
import { loadEngine } from "../../../src/engine/load.js";
import { tf } from "../../../src/engine/tf.js";
import { runRanks } from "../../support/ranks.js";
import { at, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

interface Run {
  readonly trainSamples: number;
  readonly rate: number;
  readonly batchSize?: number;
  readonly worldSize?: number;
  readonly callback?: Omit<OptimizerOptions, "metricKey">;
}

/** One epoch, of batches of 4 by default: the weights' hash, and the kernel after each train batch and after the loader. */
async function train({ trainSamples, rate, batchSize = 4, worldSize = 1, callback = {} }: Run) {
  const kernels: string[] = [];
  const keep = async ({ group, isTrainLoader, model }: RunContext) => {
    if (group.rank > 0 || !isTrainLoader) return;
    kernels.push(String(await (model as tf.LayersModel).getWeights()[0].data()));
  };
  class Recipe extends ToyRecipe {
    override readonly stages = ["one"];
    override readonly trainSamples = trainSamples;
    override getStageLen = () => 1;
    override getOptimizer = () => tf.train.sgd(rate);
    override getCallbacks(stage: string) {
      return {
        ...super.getCallbacks(stage),
        optimizer: new OptimizerCallback({ metricKey: "loss", ...callback }),
        start: at("onLoaderStart", keep),
        batch: at("onBatchEnd", keep),
        end: at("onLoaderEnd", keep),
      };
    }
  }
  const [{ weights_sha256 }] = await runRanks(Recipe, worldSize, { batchSize });
  return { hash: weights_sha256, kernels };
}

/** Which of these differ from the one before. */
const changes = (kernels: readonly string[]) => kernels.slice(1).map((kernel, i) => kernel !== kernels[i]);

describe("clipNorm", () => {
  for (const worldSize of [1, 2]) {
    test(`a limit that no gradient reaches changes no bit, ${worldSize} rank(s)`, async () => {
      const run = { trainSamples: 40, rate: 0.5, worldSize };
      const free = await train(run);
      assert.equal((await train({ ...run, callback: { clipNorm: 1e9 } })).hash, free.hash);
      assert.notEqual((await train({ ...run, callback: { clipNorm: 1e-3 } })).hash, free.hash);
    });
  }

  test("bounds what was accumulated, not each batch", async () => {
    const kernelStep = async (callback: Run["callback"]) => {
      const { kernels } = await train({
        trainSamples: 8,
        rate: 1,
        callback: { ...callback, clipNorm: 0.01 },
      });
      const [first, last] = [kernels[0], kernels.at(-1)!].map((text) => text.split(",").map(Number));
      return Math.hypot(...last.map((value, i) => value - first[i]));
    };
    const [one, two] = [await kernelStep({ accumulationSteps: 2 }), await kernelStep({})];
    assert.ok(one < 0.0101, `one step of two batches is ${one} long`);
    assert.ok(two > 1.5 * one, `two steps, one a batch, are ${two} long`);
  });
});

describe("accumulationSteps", () => {
  test("a step after so many batches, and one for what is left at the last", async () => {
    const steps = async (batches: number, accumulationSteps: number) =>
      changes(
        (await train({ trainSamples: 4 * batches, rate: 0.5, callback: { accumulationSteps } })).kernels,
      );
    assert.deepEqual(await steps(3, 1), [true, true, true, false]);
    assert.deepEqual(await steps(5, 2), [false, true, false, true, true, false]);
    assert.deepEqual(await steps(4, 2), [false, true, false, true, false]);
    assert.deepEqual(await steps(2, 3), [false, true, false]);
  });

  test("what is left is a step of the mean of what was accumulated, however few", async () => {
    const part = await train({ trainSamples: 4, rate: 0.25, callback: { accumulationSteps: 4 } });
    const whole = await train({ trainSamples: 4, rate: 0.25 });
    assert.equal(part.hash, whole.hash);
  });

  test("each step has its own batches' mean alone", async () => {
    const last = async (batchSize: number, accumulationSteps: number) => {
      const run = { trainSamples: 24, rate: 0.5, batchSize, callback: { accumulationSteps } };
      return (await train(run)).kernels.at(-1)!.split(",").map(Number);
    };
    const [large, small] = [await last(8, 1), await last(4, 2)];
    for (const [i, value] of large.entries())
      assert.ok(Math.abs(value - small[i]) < 1e-5, `${large} ${small}`);
  });

  test("ranks stay equal", async () => {
    const run = { trainSamples: 40, rate: 0.5, worldSize: 2, callback: { accumulationSteps: 3 } };
    // That ranks end with other weights than rank 0 would end the run.
    assert.match(String((await train(run)).hash), /^[0-9a-f]{64}$/);
  });
});

test("options that cannot be are the caller's mistake", () => {
  for (const [options, message] of [
    [{ accumulationSteps: 0 }, /accumulationSteps .* got 0/],
    [{ accumulationSteps: 1.5 }, /accumulationSteps .* got 1\.5/],
    [{ clipNorm: 0 }, /clipNorm .* got 0/],
    [{ clipNorm: Number.NaN }, /clipNorm .* got NaN/],
  ] as const) {
    assert.throws(
      () => new OptimizerCallback({ metricKey: "loss", ...options }),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  }
});

test("the learning rate and momentum are metrics of the train loader alone", async () => {
  const seen: Record<string, unknown> = {};
  class Recipe extends ToyRecipe {
    override readonly stages = ["one"];
    override getOptimizer = () => tf.train.momentum(0.25, 0.75);
    override getCallbacks(stage: string) {
      const keep = at("onLoaderEnd", ({ loaderKey, loaderMetrics: { lr, momentum } }) => {
        seen[loaderKey] = { lr, momentum };
      });
      return { ...super.getCallbacks(stage), keep };
    }
  }
  await runRanks(Recipe, 1);
  const none = { lr: undefined, momentum: undefined };
  assert.deepEqual(seen, { train: { lr: 0.25, momentum: 0.75 }, valid: none });
});
