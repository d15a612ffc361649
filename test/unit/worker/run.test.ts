// The loops with all ranks in one process, over real sockets.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { RunContext } from "../../../src/core/context.js";
import type { Counters } from "../../../src/core/state.js";
import type { LoaderSummary } from "../../../src/core/summary.js";
import { loadEngine } from "../../../src/engine/load.js";
import { CheckpointCallback, EarlyStoppingCallback, OptimizerCallback, tf } from "../../../src/index.js";
import { runRanks } from "../../support/ranks.js";
import { at, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

describe("a run of several ranks", () => {
  test("counts batches by world size, and every sample of all ranks once", async () => {
    const seen: { rank: number; stage: string; counters: Counters }[] = [];
    class Recipe extends ToyRecipe {
      override trainSamples = 600;
      override validSamples = 103;
      override getStageLen = () => 3;
      override getCallbacks(stage: string) {
        const { rank } = this.config;
        const note = at(
          "onStageEnd",
          ({ counters }) => void seen.push({ rank, stage, counters: { ...counters } }),
        );
        return { ...super.getCallbacks(stage), note };
      }
    }
    await runRanks(Recipe, 4, { batchSize: 8 });
    // 600 = 4 x 150, 19 batches a rank; 103 = 26 + 26 + 26 + 25, 4 batches a rank.
    for (const { counters } of seen.filter(({ stage }) => stage === "one")) {
      assert.equal(counters.globalEpochStep, 3);
      assert.equal(counters.globalSampleStep, 3 * (600 + 103));
      assert.equal(counters.globalBatchStep, 3 * (19 + 4) * 4);
      assert.equal(counters.loaderSampleStep, 103);
    }
    for (const { counters } of seen.filter(({ stage }) => stage === "two")) {
      assert.equal(counters.globalSampleStep, 6 * (600 + 103));
      assert.equal(counters.stageSampleStep, 3 * (600 + 103));
    }
    assert.equal(seen.length, 8);
  });

  test("valid metrics are those of one rank over the whole set, to the last bit of every count", async () => {
    class Recipe extends ToyRecipe {
      // Nothing learns: the weights are the same for every world size.
      override getOptimizer = () => tf.train.sgd(0);
      override validSamples = 101;
    }
    const valid = async (worldSize: number) => {
      const [{ stages }] = await runRanks(Recipe, worldSize);
      return stages[0].epochs[0].valid as LoaderSummary;
    };
    const [alone, three] = [await valid(1), await valid(3)];
    assert.equal(three.samples, 101);
    assert.equal(three.metrics.accuracy01, alone.metrics.accuracy01);
    assert.ok(
      Math.abs(three.metrics.loss - alone.metrics.loss) < 1e-6,
      `${three.metrics.loss} ${alone.metrics.loss}`,
    );
  });

  test("ranks that start with different weights all train from rank 0's", async () => {
    class Recipe extends ToyRecipe {
      override getModel(stage: string) {
        const model = super.getModel(stage);
        model.setWeights(model.getWeights().map((weight) => tf.add(weight, this.config.rank)));
        return model;
      }
    }
    const [first, second] = await runRanks(Recipe, 2);
    assert.equal(first.weights_sha256, second.weights_sha256);
  });

  test("weights that drift apart end the run and the error names the rank", async () => {
    class Recipe extends ToyRecipe {
      override getCallbacks(stage: string) {
        const drift = at("onBatchEnd", ({ model, group }) => {
          if (group.rank !== 2) return;
          const [kernel] = (model as tf.LayersModel).getWeights();
          (model as tf.LayersModel).layers[0].setWeights([tf.add(kernel, 1e-7), tf.zeros([3])]);
        });
        return { ...super.getCallbacks(stage), drift };
      }
    }
    await assert.rejects(
      runRanks(Recipe, 3),
      /after epoch 1 of stage "one" the weights of rank\(s\) 2 differ/,
    );
  });

  test("moving averages are rank 0's after training", async () => {
    class Recipe extends ToyRecipe {
      override getModel(): tf.LayersModel {
        return tf.sequential({
          layers: [
            tf.layers.batchNormalization({ name: "bn", inputShape: [2] }),
            tf.layers.dense({ name: "dense", units: 3, kernelInitializer: "ones" }),
          ],
        });
      }
    }
    const [first, second] = await runRanks(Recipe, 2);
    assert.equal(first.weights_sha256, second.weights_sha256);
  });

  test("the same seed and world size give the same bits; another seed others", async () => {
    const hash = async (seed: number) => (await runRanks(ToyRecipe, 3, { seed }))[0].weights_sha256;
    const first = await hash(1);
    assert.equal(await hash(1), first);
    assert.notEqual(await hash(2), first);
  });

  test("leaves the event loop its turns, though nothing is waited for", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    class Recipe extends ToyRecipe {
      override trainSamples = 4000;
    }
    const start = performance.now();
    await runRanks(Recipe, 1);
    clearInterval(timer);
    const expected = (performance.now() - start) / 100;
    assert.ok(turns >= expected, `${turns} turns of the event loop, expected at least ${expected}`);
  });

  test("tensors do not pile up from epoch to epoch", async () => {
    const counts: number[] = [];
    class Recipe extends ToyRecipe {
      override readonly stages = ["one"];
      override getStageLen = () => 4;
      override getCallbacks(stage: string) {
        return {
          ...super.getCallbacks(stage),
          count: at("onEpochEnd", () => void counts.push(tf.memory().numTensors)),
        };
      }
    }
    const before = tf.memory().numTensors;
    await runRanks(Recipe, 1);
    assert.equal(counts.length, 4);
    assert.deepEqual(counts, Array(4).fill(counts[0]));
    assert.equal(tf.memory().numTensors, before);
  });
});

describe("the optimizer callback", () => {
  const finalWeights = async (
    options: { accumulationSteps?: number; clipNorm?: number },
    batchSize: number,
  ) => {
    let weights: number[] = [];
    class Recipe extends ToyRecipe {
      override readonly stages = ["one"];
      override trainSamples = 20;
      override getCallbacks(stage: string) {
        const keep = at("onStageEnd", async ({ model }) => {
          weights = [...((await (model as tf.LayersModel).getWeights()[0].data()) as Float32Array)];
        });
        return {
          ...super.getCallbacks(stage),
          optimizer: new OptimizerCallback({ metricKey: "loss", ...options }),
          keep,
        };
      }
    }
    await runRanks(Recipe, 1, { batchSize });
    return weights;
  };

  test("two accumulated batches equal one of twice the size", async () => {
    const [large, small] = [await finalWeights({}, 10), await finalWeights({ accumulationSteps: 2 }, 5)];
    for (const [i, value] of large.entries())
      assert.ok(Math.abs(value - small[i]) < 1e-5, `${value} ${small[i]}`);
  });

  test("what is left at the loader's end is a step of its own", async () => {
    const [untouched, flushed] = [
      await finalWeights({ clipNorm: 1e-30 }, 5),
      await finalWeights({ accumulationSteps: 3 }, 20),
    ];
    assert.notDeepEqual(flushed, untouched, "one batch of three accumulated was never applied");
  });

  test("clipping bounds the reduced gradient", async () => {
    const norms: number[] = [];
    class Recipe extends ToyRecipe {
      override readonly stages = ["one"];
      override getOptimizer = () => tf.train.sgd(1);
      override getCallbacks(stage: string) {
        let last: Float32Array;
        const read = async ({ model }: RunContext) => {
          const tensors = (model as tf.LayersModel).getWeights();
          return Float32Array.from(
            (await Promise.all(tensors.map((t) => t.data()))).flatMap((values) => [...values]),
          );
        };
        const remember = at("onBatchStart", async (context) => {
          last = await read(context);
        });
        const measure = at("onBatchEnd", async (context) => {
          if (!context.isTrainLoader) return;
          norms.push(Math.hypot(...(await read(context)).map((value, i) => value - last[i])));
        });
        const optimizer = new OptimizerCallback({ metricKey: "loss", clipNorm: 0.01 });
        return { ...super.getCallbacks(stage), optimizer, remember, measure };
      }
    }
    await runRanks(Recipe, 2);
    assert.equal(norms.length, 2 * 2 * 3);
    for (const norm of norms) assert.ok(norm < 0.0101 && norm > 0.009, `step of length ${norm}`);
  });
});

describe("stages", () => {
  test("a later stage takes the model from best and the counters from last", async () => {
    const atStart: { stage: string; epochs: number; kernel: number[] }[] = [];
    const atEnd: number[][] = [];
    const kernel = async (context: RunContext) => [
      ...(await (context.model as tf.LayersModel).getWeights()[0].data()),
    ];
    class Recipe extends ToyRecipe {
      override getCallbacks(stage: string) {
        const checkpoint = new CheckpointCallback(this.config.logdir, {
          loaderKey: "valid",
          metricKey: "loss",
          // The largest loss counts as best: that is epoch 1, so best and last differ.
          minimize: false,
          loadOnStageStart: { model: "best", global_epoch_step: "last", global_sample_step: "last" },
        });
        const start = at("onStageStart", async (context) => {
          const epochs = context.counters.globalEpochStep;
          if (context.group.rank === 1) atStart.push({ stage, epochs, kernel: await kernel(context) });
        });
        const end = at("onEpochEnd", async (context) => {
          if (context.group.rank === 0) atEnd.push(await kernel(context));
        });
        return { ...super.getCallbacks(stage), checkpoint, start, end };
      }
    }
    const [{ best, last }] = await runRanks(Recipe, 2);
    assert.equal(atStart[1].stage, "two");
    assert.equal(atStart[1].epochs, 2);
    assert.deepEqual(atStart[1].kernel, atEnd[0]);
    assert.notDeepEqual(atStart[1].kernel, atEnd[1]);
    assert.equal(best?.stage, "one");
    assert.equal(best?.epoch, 1);
    assert.equal(last?.path, "checkpoints/last.safetensors");
  });

  test("early stopping ends a stage on every rank, the next one runs", async () => {
    class Recipe extends ToyRecipe {
      override getOptimizer = () => tf.train.sgd(0);
      override getStageLen = () => 9;
      override getCallbacks(stage: string) {
        const stop = new EarlyStoppingCallback({
          loaderKey: "valid",
          metricKey: "loss",
          minimize: true,
          patience: 2,
        });
        return { ...super.getCallbacks(stage), stop };
      }
    }
    const results = await runRanks(Recipe, 2);
    for (const { stages } of results)
      assert.deepEqual(
        stages.map(({ epochs }) => epochs.length),
        [3, 3],
      );
  });
});
