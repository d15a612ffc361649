// What a callback keeps: JSON or tensors, the same on all ranks or each rank's own; and recipes whose parts take their time.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { Callback } from "../../../src/core/callback.js";
import type { Json, StateDict } from "../../../src/core/state.js";
import { loadEngine } from "../../../src/engine/load.js";
import {
  type Batch,
  CheckpointCallback,
  DataLoader,
  type Dataset,
  type RunContext,
  tf,
} from "../../../src/index.js";
import { temporaryFolder } from "../../support/data-files.js";
import { runRanks } from "../../support/ranks.js";
import { at, Points, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

class Killed extends Error {}

/** Keeps a running average of the weights (shared), and how many samples its own rank has seen (its own). */
function keeping(notes: Map<number, unknown>, killAt: number) {
  return class extends ToyRecipe {
    override readonly stages = ["one"];
    override trainSamples = 30;
    override getCallbacks(stage: string) {
      const { rank } = this.config;
      let average = new Float32Array(6);
      const ema: Callback = {
        order: 110,
        onBatchEnd: async ({ model, isTrainLoader }) => {
          if (!isTrainLoader) return;
          const [kernel] = (model as tf.LayersModel).getWeights();
          const values = await kernel.data();
          average = average.map((value, i) => 0.9 * value + 0.1 * values[i]);
        },
        stateDict: (): StateDict => ({
          json: { kind: "ema" },
          tensors: { "dense/kernel": { dtype: "F32", shape: [6], data: average } },
        }),
        loadStateDict(state: Json | StateDict) {
          const { json, tensors } = state as StateDict;
          assert.deepEqual(json, { kind: "ema" });
          average = Float32Array.from(tensors["dense/kernel"].data);
        },
      };
      let seen = 0;
      const own: Callback = {
        order: 110,
        stateScope: "rank",
        onBatchEnd: ({ isTrainLoader }) => {
          if (isTrainLoader) seen += rank + 1;
        },
        stateDict: () => seen,
        loadStateDict(state: Json | StateDict) {
          seen = state as number;
        },
      };
      const kill = at("onBatchStart", ({ counters, isTrainLoader, batchIndex }: RunContext) => {
        if (isTrainLoader && counters.stageEpochStep === 2 && batchIndex === killAt) throw new Killed();
      });
      const note = at("onStageEnd", () => void notes.set(rank, [[...average], seen]));
      const checkpoint = new CheckpointCallback(this.config.logdir, {});
      return { ...super.getCallbacks(stage), ema, own, checkpoint, kill, note };
    }
  };
}

describe("a callback's state", () => {
  for (const killAt of [0, 2]) {
    test(`of tensors, and of each rank, goes on after a run that ended at batch ${killAt}`, async (t) => {
      const [whole, resumed] = [new Map(), new Map()];
      await runRanks(keeping(whole, -1), 2);
      const options = { logdir: temporaryFolder(t), checkpointEvery: 1 };
      await assert.rejects(runRanks(keeping(new Map(), killAt), 2, options), Killed);
      const resume = `${options.logdir}/checkpoints/last.safetensors`;
      await runRanks(keeping(resumed, -1), 2, options, { resume });
      assert.deepEqual(resumed, whole);
      assert.notDeepEqual(whole.get(0), whole.get(1));
    });
  }
});

describe("a recipe whose parts take their time", () => {
  const later = () => new Promise((resolve) => setImmediate(resolve));
  const patient = (isPatient: boolean) =>
    class extends ToyRecipe {
      override getLoaders(stage: string) {
        const loaders = super.getLoaders(stage);
        if (!isPatient) return loaders;
        const slow: Dataset = {
          length: this.trainSamples,
          collate: async (indices) => {
            await later();
            return new Points(24).collate(indices);
          },
        };
        const { train, valid } = loaders;
        const { length, samples, batchSize } = valid;
        return later().then(() => ({
          train: new DataLoader(slow, { batchSize: train.batchSize, sampler: train.sampler }),
          valid: {
            ...{ length, samples, batchSize },
            async *[Symbol.asyncIterator]() {
              for (const batch of valid as Iterable<Batch>) {
                await later();
                yield batch;
              }
            },
          },
        })) as never;
      }
      override getModel(stage: string) {
        const model = super.getModel(stage);
        return (isPatient ? later().then(() => model) : model) as never;
      }
      override getCriterion() {
        const criterion = super.getCriterion();
        return (isPatient ? later().then(() => criterion) : criterion) as never;
      }
      override getOptimizer(stage: string) {
        const optimizer = super.getOptimizer(stage);
        return (isPatient ? later().then(() => optimizer) : optimizer) as never;
      }
      override getCallbacks(stage: string) {
        const callbacks = super.getCallbacks(stage);
        return (isPatient ? later().then(() => callbacks) : callbacks) as never;
      }
      override handleBatch(batch: Batch) {
        if (!isPatient) return super.handleBatch(batch);
        return (async () => {
          await later();
          super.handleBatch(batch);
          await later();
        })() as never;
      }
    };

  // Of one rank: tfjs records one tape a process, and ranks of a real run are processes.
  test("has the bits of one that does not", async () => {
    const [hasty] = await runRanks(patient(false), 1);
    const [slow] = await runRanks(patient(true), 1);
    assert.equal(slow.weights_sha256, hasty.weights_sha256);
  });

  test("a batch that fails later is the run's failure, with its own words", async () => {
    class Failing extends ToyRecipe {
      override handleBatch() {
        return later().then(() => {
          throw new Error("inside async");
        }) as never;
      }
    }
    await assert.rejects(runRanks(Failing, 1), /inside async/);
    // The recording that broke off is closed: the next run is as any other.
    await runRanks(ToyRecipe, 1);
  });
});

test("tensors do not pile up over batches that take their time", async () => {
  const counts: number[] = [];
  class Recipe extends ToyRecipe {
    override readonly stages = ["one"];
    override getStageLen = () => 3;
    override handleBatch(batch: Batch) {
      return (async () => {
        await null;
        super.handleBatch(batch);
      })() as never;
    }
    override getCallbacks(stage: string) {
      const count = at("onEpochEnd", () => void counts.push(tf.memory().numTensors));
      return { ...super.getCallbacks(stage), count };
    }
  }
  await runRanks(Recipe, 1);
  assert.deepEqual(counts, Array(3).fill(counts[0]));
});
