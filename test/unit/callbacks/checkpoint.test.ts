// What the checkpoint callback loads, from where, and when; seen on a rank that reads no file itself.
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { CheckpointCallback, type LoadSource } from "../../../src/callbacks/checkpoint.js";
import { readCheckpoint } from "../../../src/checkpoint/format.js";
import type { RunContext } from "../../../src/core/context.js";
import { UsageError } from "../../../src/core/errors.js";
import { loadEngine } from "../../../src/engine/load.js";
import { tf } from "../../../src/engine/tf.js";
import { temporaryFolder } from "../../support/data-files.js";
import { listeningLog } from "../../support/fake-context.js";
import { runRanks } from "../../support/ranks.js";
import { at, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

interface Sources {
  readonly loadOnStageStart?: LoadSource;
  readonly loadOnStageEnd?: LoadSource;
}

/** What rank 1 holds at a stage's start and end, after everything else has happened there. */
interface Seen {
  readonly kernel: string;
  readonly epochs: number;
  readonly samples: number;
  readonly steps: number;
}

/** Two stages of two epochs on two ranks; the worst valid loss, which is epoch 1's, counts as best. */
async function train(logdir: string, sources: Sources) {
  const seen: Record<string, Seen> = {};
  const { log, lines } = listeningLog();
  class Recipe extends ToyRecipe {
    // Adam, so that an optimizer's state can be seen to be taken over.
    override getOptimizer = () => tf.train.adam(0.05);
    override getCallbacks(stage: string) {
      const ranking = { loaderKey: "valid", metricKey: "loss", minimize: false, saveNBest: 4 };
      const note = (when: string) => async (context: RunContext) => {
        if (this.config.rank !== 1) return;
        const [kernel] = (context.model as tf.LayersModel).getWeights();
        seen[`${when} ${stage}`] = {
          kernel: String(await kernel.data()),
          epochs: context.counters.globalEpochStep,
          samples: context.counters.globalSampleStep,
          steps: context.optimizer.iterations,
        };
      };
      return {
        ...super.getCallbacks(stage),
        checkpoint: new CheckpointCallback(this.config.logdir, { ...ranking, ...sources }),
        start: at("onStageStart", note("start")),
        end: at("onStageEnd", note("end")),
      };
    }
  }
  await runRanks(Recipe, 2, { logdir }, { log });
  const kernelOf = (name: string) => {
    const { model } = readCheckpoint(join(logdir, "checkpoints", `${name}.safetensors`));
    return String(model["dense/kernel"].data);
  };
  return { seen, kernelOf, loads: lines.filter((line) => line.startsWith("info: loaded ")) };
}

describe("a stage's start loads", () => {
  test("nothing where nothing is named", async (t) => {
    const { seen, loads } = await train(temporaryFolder(t), {});
    assert.equal(seen["start two"].kernel, seen["start one"].kernel, "a new model");
    assert.deepEqual(loads, []);
  });

  for (const [source, epoch] of [
    ["best", 1],
    ["last", 2],
  ] as const) {
    test(`${source}: the model's weights alone, and never in the first stage`, async (t) => {
      const logdir = temporaryFolder(t);
      const { seen, kernelOf, loads } = await train(logdir, { loadOnStageStart: source });
      assert.equal(seen["start two"].kernel, kernelOf(`one.${epoch}`));
      assert.notEqual(kernelOf("one.1"), kernelOf("one.2"));
      assert.equal(seen["start two"].steps, 0);
      // Rank 0 alone says so.
      assert.deepEqual(loads, [
        `info: loaded model from ${join(logdir, `checkpoints/${source}.safetensors`)}`,
      ]);
    });
  }

  test("last_full: everything, the optimizer's steps too", async (t) => {
    const { seen, kernelOf } = await train(temporaryFolder(t), { loadOnStageStart: "last_full" });
    assert.equal(seen["start two"].kernel, kernelOf("one.2"));
    // 24 samples are 3 steps of 4 on each of 2 ranks, twice.
    assert.equal(seen["start two"].steps, 6);
  });

  test("part by part, each from its own file, each file once", async (t) => {
    const logdir = temporaryFolder(t);
    const { seen, kernelOf, loads } = await train(logdir, {
      loadOnStageStart: { model: "last", optimizer: "best", global_sample_step: "best" },
    });
    assert.equal(seen["start two"].kernel, kernelOf("one.2"));
    assert.equal(seen["start two"].steps, 3);
    // An epoch has 24 train and 10 valid samples; the epochs go on, since nothing was named for them.
    assert.deepEqual([seen["start two"].samples, seen["start two"].epochs], [34, 2]);
    const file = (name: string) => join(logdir, `checkpoints/${name}.safetensors`);
    assert.deepEqual(loads, [
      `info: loaded model from ${file("last")}`,
      `info: loaded optimizer, global_sample_step from ${file("best")}`,
    ]);
  });
});

test("a stage's end loads what is named, on every rank", async (t) => {
  const { seen, kernelOf } = await train(temporaryFolder(t), { loadOnStageEnd: "best" });
  assert.equal(seen["end one"].kernel, kernelOf("one.1"));
  assert.notEqual(seen["end one"].kernel, kernelOf("one.2"));
});

test("what cannot be loaded is the caller's mistake", async (t) => {
  const usage = (message: RegExp) => (error: unknown) =>
    error instanceof UsageError && message.test(error.message);
  for (const option of ["loadOnStageStart", "loadOnStageEnd"]) {
    assert.throws(
      () => new CheckpointCallback("logs", { [option]: { weights: "best" } }),
      usage(new RegExp(`${option} knows model, criterion, .*, not "weights"$`)),
    );
  }
  const logdir = temporaryFolder(t);
  await assert.rejects(
    train(logdir, { loadOnStageStart: join(logdir, "none.safetensors") }),
    usage(/there is no checkpoint .*none\.safetensors/),
  );
});
