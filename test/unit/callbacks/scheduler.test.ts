// When the scheduler callback steps, seen by a scheduler that notes each call; and in a real run, what the steps change.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { SchedulerCallback, type SchedulerOptions } from "../../../src/callbacks/scheduler.js";
import { CallbackOrder } from "../../../src/core/callback.js";
import { UsageError } from "../../../src/core/errors.js";
import type { Scheduler } from "../../../src/core/scheduler.js";
import { loadEngine } from "../../../src/engine/load.js";
import { fakeContext } from "../../support/fake-context.js";
import { runRanks } from "../../support/ranks.js";
import { at, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

/** Notes the metric of each step. */
function noting(): { readonly scheduler: Scheduler; readonly steps: (number | undefined)[] } {
  const steps: (number | undefined)[] = [];
  const scheduler: Scheduler = {
    step: (metric) => void steps.push(metric),
    stateDict: () => null,
    loadStateDict: () => {},
  };
  return { scheduler, steps };
}

describe("after an epoch", () => {
  const stepsOf = (options: SchedulerOptions | undefined, epochMetrics = {}) => {
    const { scheduler, steps } = noting();
    const callback = new SchedulerCallback(options);
    callback.onBatchEnd(fakeContext({ scheduler, isTrainLoader: true }));
    callback.onEpochEnd(fakeContext({ scheduler, epochMetrics }));
    return steps;
  };

  test("it steps once, by default without a metric", () => {
    assert.deepEqual(stepsOf(undefined), [undefined]);
    assert.deepEqual(stepsOf({ mode: "epoch" }, { valid: { loss: 0.5 } }), [undefined]);
  });

  test("it gives the scheduler the metric that it names", () => {
    const epochMetrics = { train: { loss: 0.25 }, valid: { loss: 0.5, accuracy: 0.75 } };
    assert.deepEqual(stepsOf({ loaderKey: "valid", metricKey: "loss" }, epochMetrics), [0.5]);
    assert.deepEqual(stepsOf({ loaderKey: "train", metricKey: "loss" }, epochMetrics), [0.25]);
  });
});

test("in batch mode it steps after each train batch, never after another batch or an epoch", () => {
  const { scheduler, steps } = noting();
  const callback = new SchedulerCallback({ mode: "batch" });
  for (const isTrainLoader of [true, true, false, true, false, false]) {
    callback.onBatchEnd(fakeContext({ scheduler, isTrainLoader }));
  }
  callback.onEpochEnd(fakeContext({ scheduler, epochMetrics: { valid: { loss: 1 } } }));
  assert.equal(steps.length, 3);
});

test("a stage without a scheduler is refused at its start, by name", () => {
  const context = fakeContext({ scheduler: null, stageKey: "fine" });
  assert.throws(
    () => new SchedulerCallback().onStageStart(context),
    (error) => error instanceof UsageError && error.message.includes('getScheduler("fine")'),
  );
  new SchedulerCallback().onStageStart(fakeContext({ scheduler: noting().scheduler }));
});

test("it comes after the optimizer and before what saves", () => {
  const { order } = new SchedulerCallback();
  assert.ok(order > CallbackOrder.optimizer && order < CallbackOrder.external);
});

describe("in a run of two ranks with a train and a valid loader", () => {
  /** How many steps each rank's scheduler has done at each of its batches and at each epoch's end. */
  const stepsSeen = async (options: SchedulerOptions) => {
    const seen: string[][] = [[], []];
    class Recipe extends ToyRecipe {
      override readonly stages = ["one"];
      readonly noting = noting();
      override getScheduler() {
        return this.noting.scheduler;
      }
      override getCallbacks(stage: string) {
        const note = (what: string) =>
          void seen[this.config.rank].push(`${what} ${this.noting.steps.length}`);
        return {
          ...super.getCallbacks(stage),
          scheduler: new SchedulerCallback(options),
          batch: at("onBatchEnd", ({ loaderKey }) => note(loaderKey)),
          epoch: at("onEpochEnd", () => note("epoch")),
        };
      }
    }
    // 24 samples are 2 x 3 train batches of 4; 10 are 2 x 2 valid batches.
    await runRanks(Recipe, 2);
    assert.deepEqual(seen[1], seen[0]);
    return seen[0];
  };

  test("batch mode steps with the train batches alone", async () => {
    const expected = [3, 6].flatMap((done) => [
      ...[done - 2, done - 1, done].map((steps) => `train ${steps}`),
      `valid ${done}`,
      `valid ${done}`,
      `epoch ${done}`,
    ]);
    assert.deepEqual(await stepsSeen({ mode: "batch" }), expected);
  });

  test("epoch mode steps at the epochs' ends alone", async () => {
    const expected = [0, 1].flatMap((done) => [
      ...Array<string>(3).fill(`train ${done}`),
      `valid ${done}`,
      `valid ${done}`,
      `epoch ${done + 1}`,
    ]);
    assert.deepEqual(await stepsSeen({}), expected);
  });
});
