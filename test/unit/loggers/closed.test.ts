// A run tells its loggers everything in order and closes them: at its end, and when it breaks.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { MetricsLogger } from "../../../src/core/metrics-logger.js";
import { loadEngine } from "../../../src/engine/load.js";
import { runRanks } from "../../support/ranks.js";
import { at, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

/** A recipe whose two loggers note what they are told; `breakAt` is a global epoch whose valid loader throws. */
function noted(breakAt = 0) {
  const calls: string[] = [];
  const logger = (name: string): MetricsLogger => {
    const note = (call: string) => void calls.push(`${name} ${call}`);
    return {
      logBatch: (loader, metrics, { batch }) => note(`batch ${loader} ${batch} ${Object.keys(metrics)}`),
      logLoader: (loader, { loss }, { stage, epoch }) =>
        note(`loader ${loader} ${stage}.${epoch} ${Number.isFinite(loss)}`),
      logEpoch: ({ stage, epoch, epochs }) => note(`epoch ${stage}.${epoch}/${epochs}`),
      flush: async () => note("flush"),
      close: async () => note("close"),
    };
  };
  class Recipe extends ToyRecipe {
    override trainSamples = 8;
    override getStageLen = () => 1;
    override getLoggers() {
      // Only rank 0 has loggers; the last lacks every method, which is allowed.
      return { a: logger("a"), b: logger("b"), none: {} };
    }
    override getCallbacks(stage: string) {
      const fail = at("onBatchEnd", ({ counters, isTrainLoader }) => {
        if (counters.globalEpochStep === breakAt && !isTrainLoader) throw new Error("broken on purpose");
      });
      return { ...super.getCallbacks(stage), fail };
    }
  }
  return { Recipe, calls };
}

/** What both loggers hear, one after the other. */
const both = (...calls: string[]) => calls.flatMap((call) => [`a ${call}`, `b ${call}`]);
const epochOf = (stage: string) =>
  both(
    "batch train 0 loss",
    "batch train 1 loss",
    `loader train ${stage}.1 true`,
    `loader valid ${stage}.1 true`,
    `epoch ${stage}.1/1`,
    "flush",
  );

test("every logger hears every batch of train, loader and epoch, is flushed each epoch, and closed once", async () => {
  const { Recipe, calls } = noted();
  await runRanks(Recipe, 1);
  assert.deepEqual(calls, [...epochOf("one"), ...epochOf("two"), ...both("close")]);
});

test("of several ranks only rank 0 logs", async () => {
  const { Recipe, calls } = noted();
  await runRanks(Recipe, 2);
  assert.equal(calls.filter((call) => call === "a close").length, 1);
  assert.equal(calls.filter((call) => call.startsWith("a loader train")).length, 2);
});

test("they are closed, once, when the run breaks", async () => {
  const { Recipe, calls } = noted(2);
  await assert.rejects(runRanks(Recipe, 1), /broken on purpose/);
  const second = epochOf("two").slice(0, 6);
  assert.deepEqual(calls, [...epochOf("one"), ...second, ...both("close")]);
});
