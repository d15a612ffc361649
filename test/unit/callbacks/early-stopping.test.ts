// When early stopping ends a stage: scores by hand, an instance used in two stages, and a resumed run.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { CheckpointCallback } from "../../../src/callbacks/checkpoint.js";
import { EarlyStoppingCallback, type EarlyStoppingOptions } from "../../../src/callbacks/early-stopping.js";
import { UsageError } from "../../../src/core/errors.js";
import { loadEngine } from "../../../src/engine/load.js";
import { tf } from "../../../src/engine/tf.js";
import { temporaryFolder } from "../../support/data-files.js";
import { fakeContext } from "../../support/fake-context.js";
import { runRanks } from "../../support/ranks.js";
import { ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

const loss: EarlyStoppingOptions = { loaderKey: "valid", metricKey: "loss", minimize: true, patience: 2 };

/** Shows the scores to the callback, an epoch each; the epoch (from 1) at which it ends the stage, or null. */
function stopsAt(callback: EarlyStoppingCallback, scores: readonly number[]) {
  const lines: string[] = [];
  for (const [i, score] of scores.entries()) {
    let stopped = false;
    const context = fakeContext({
      epochMetrics: { train: { loss: -i }, valid: { loss: score } },
      counters: { stageEpochStep: i + 1 },
      stageKey: "one",
      notify: (message) => void lines.push(message),
      stopStage: () => {
        stopped = true;
      },
    });
    callback.onEpochEnd(context);
    if (stopped) return { epoch: i + 1, lines };
  }
  return { epoch: null, lines };
}
const epochOf = (options: EarlyStoppingOptions, scores: readonly number[]) =>
  stopsAt(new EarlyStoppingCallback(options), scores).epoch;

describe("the stage ends after so many epochs without improvement", () => {
  const cases: readonly [name: string, Partial<EarlyStoppingOptions>, readonly number[], number | null][] = [
    ["in a row", {}, [5, 4, 4, 4, 4], 4],
    ["a better one starts the count again", {}, [5, 6, 4, 6, 3, 6, 6], 7],
    ["worse than the best, though better than the one before", {}, [5, 9, 8], 3],
    ["at once, with patience 1", { patience: 1 }, [5, 5], 2],
    ["never, while each is better", {}, [5, 4, 3, 2, 1, 0, -1], null],
    ["where more is better", { minimize: false }, [1, 2, 2, 2], 4],
    ["where more is better, never while it grows", { minimize: false }, [1, 2, 3, 4, 5], null],
    ["an improvement of less than minDelta is none", { minDelta: 0.1 }, [1, 0.95, 0.92], 3],
    ["one of more than minDelta is one", { minDelta: 0.1 }, [1, 0.85, 0.7, 0.55], null],
    ["one of a millionth is none, by default", {}, [1, 1 - 5e-7, 1 - 9e-7], 3],
    ["of ten millionths is one, by default", {}, [1, 1 - 1e-5, 1 - 2e-5, 1 - 3e-5], null],
    ["NaN is no improvement", {}, [5, Number.NaN, Number.NaN], 3],
    ["nor does NaN count as the best", {}, [Number.NaN, 9, 8, 7], null],
    ["NaN from the beginning", {}, [Number.NaN, Number.NaN, 1], 2],
  ];
  for (const [name, options, scores, epoch] of cases) {
    test(name, () => assert.equal(epochOf({ ...loss, ...options }, scores), epoch));
  }
});

test("one line says why", () => {
  assert.deepEqual(stopsAt(new EarlyStoppingCallback(loss), [1, 1, 1]).lines, [
    "stage one ends after epoch 3: loss of valid has not improved for 2 epochs (best 1.000)",
  ]);
});

test("a loader or metric that is not there is the caller's mistake, and those that are get named", () => {
  const seen = (options: EarlyStoppingOptions) => () => epochOf(options, [1]);
  const usage = (message: RegExp) => (error: unknown) =>
    error instanceof UsageError && message.test(error.message);
  assert.throws(seen({ ...loss, loaderKey: "test" }), usage(/loader "test", .* train, valid$/));
  assert.throws(seen({ ...loss, metricKey: "f1" }), usage(/"f1" of "valid", which has: loss$/));
});

test("the state goes on where it was: best and patience", () => {
  for (const [before, after, epoch] of [
    [[5, 5], [5], 1],
    [[5, 4], [4, 4], 2],
    [[5], [6, 6], 2],
    // The best is kept: 5 would be one for a callback that starts anew.
    [[4, 5], [5], 1],
    [[Number.NaN], [3, 3, 3], 3],
  ] as const) {
    const first = new EarlyStoppingCallback(loss);
    assert.equal(stopsAt(first, before).epoch, null);
    const second = new EarlyStoppingCallback(loss);
    second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
    assert.equal(stopsAt(second, after).epoch, epoch, `${before} | ${after}`);
  }
});

test("one instance in two stages begins each anew", async () => {
  class Recipe extends ToyRecipe {
    readonly stop = new EarlyStoppingCallback(loss);
    // Nothing learns: each stage's first epoch is its best.
    override getOptimizer = () => tf.train.sgd(0);
    override getStageLen = () => 9;
    override getCallbacks(stage: string) {
      return { ...super.getCallbacks(stage), stop: this.stop };
    }
  }
  for (const { stages } of await runRanks(Recipe, 2)) {
    const epochs = stages.map(({ epochs }) => epochs.length);
    assert.deepEqual(epochs, [3, 3], "the first epoch of a stage is never without improvement");
  }
});

test("a run resumed while patience runs out ends a stage at the same epoch", async (t) => {
  class Recipe extends ToyRecipe {
    override getOptimizer = () => tf.train.sgd(0);
    override getStageLen = () => 9;
    override getCallbacks(stage: string) {
      const { logdir } = this.config;
      return {
        ...super.getCallbacks(stage),
        stop: new EarlyStoppingCallback({ ...loss, patience: 3 }),
        checkpoint: new CheckpointCallback(logdir, { saveNBest: 9 }),
      };
    }
  }
  const [whole, parts] = [temporaryFolder(t), temporaryFolder(t)];
  const epochsOf = async (logdir: string, resume: string | null) => {
    const [{ stages }] = await runRanks(Recipe, 1, { logdir }, { resume });
    return stages.map(({ epochs }) => epochs.length);
  };
  assert.deepEqual(await epochsOf(whole, null), [4, 4]);
  // Two of three epochs of patience are gone in one.3, none in one.1; one.4 has ended its stage early.
  for (const file of ["one.1", "one.3", "one.4", "two.3", "two.4"]) {
    cpSync(whole, parts, { recursive: true });
    const resume = join(parts, `checkpoints/${file}.safetensors`);
    assert.deepEqual(await epochsOf(parts, resume), [4, 4], file);
  }
});
