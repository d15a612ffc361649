// A run that is cut anywhere and resumed ends with the same bits, metrics, logs and counters as one that was not.
import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { readCheckpoint } from "../../../src/checkpoint/format.js";
import type { RunContext } from "../../../src/core/context.js";
import type { RunResults } from "../../../src/core/summary.js";
import { loadEngine } from "../../../src/engine/load.js";
import {
  CheckpointCallback,
  CsvLogger,
  EarlyStoppingCallback,
  OptimizerCallback,
  TensorboardLogger,
  tf,
} from "../../../src/index.js";
import { readRecords } from "../../../src/loggers/tfevents.js";
import { temporaryFolder } from "../../support/data-files.js";
import { runRanks } from "../../support/ranks.js";
import { at, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

/** Thrown on every rank at once: the run ends as if all processes had been killed there. */
class Killed extends Error {}

interface Cut {
  readonly stage: string;
  readonly epoch: number;
  readonly loader: string;
  readonly batch: number;
}

/** The recipe with everything that has a state of its own; killed at `cut`. */
function recipeWith(cut: Cut | null, changes: { optimizer?: OptimizerCallback } = {}) {
  return class extends ToyRecipe {
    override trainSamples = 50;
    override getLoggers() {
      const { logdir } = this.config;
      return {
        csv: new CsvLogger({ logdir }),
        tensorboard: new TensorboardLogger({ logdir, logBatches: 1 }),
      };
    }
    override getStageLen() {
      return 3;
    }
    override getOptimizer(stage: string) {
      return stage === "one" ? tf.train.adam(0.05) : tf.train.momentum(0.1, 0.9);
    }
    override getCallbacks(stage: string) {
      const metric = { loaderKey: "valid", metricKey: "loss", minimize: true };
      const kill = at("onBatchStart", ({ stageKey, counters, loaderKey, batchIndex }: RunContext) => {
        const here = [stageKey, counters.stageEpochStep, loaderKey, batchIndex].join();
        if (cut && here === [cut.stage, cut.epoch, cut.loader, cut.batch].join()) throw new Killed();
      });
      return {
        ...super.getCallbacks(stage),
        ...changes,
        stop: new EarlyStoppingCallback({ ...metric, patience: 5 }),
        checkpoint: new CheckpointCallback(this.config.logdir, {
          ...metric,
          saveNBest: 2,
          loadOnStageStart: { model: "best", global_epoch_step: "last" },
        }),
        kill,
      };
    }
  };
}

const last = (logdir: string) => join(logdir, "checkpoints/last.safetensors");

/** Results without what depends on the clock. */
function timeless({ stages, ...rest }: RunResults): unknown {
  const text = JSON.stringify({ stages, ...rest }, (key, value) =>
    key === "seconds" || key === "samples_per_second" ? undefined : value,
  );
  return JSON.parse(text);
}

/** All (tag, step) pairs on disk, each of which must be there once. */
function events(logdir: string): string[] {
  return ["train", "valid"].flatMap((loader) =>
    readdirSync(join(logdir, loader)).flatMap((file) =>
      readRecords(readFileSync(join(logdir, loader, file)))
        .filter(({ tag }) => tag !== null)
        .map(({ tag, step }) => `${loader} ${tag} ${step}`),
    ),
  );
}

describe("a killed and resumed run", () => {
  const cuts: readonly Cut[] = [
    { stage: "one", epoch: 2, loader: "train", batch: 0 },
    { stage: "one", epoch: 2, loader: "train", batch: 5 },
    { stage: "one", epoch: 3, loader: "valid", batch: 1 },
    { stage: "two", epoch: 1, loader: "train", batch: 2 },
    { stage: "two", epoch: 3, loader: "train", batch: 6 },
    { stage: "two", epoch: 3, loader: "valid", batch: 0 },
  ];
  for (const every of [null, 2]) {
    for (const cut of cuts) {
      const where = `${cut.stage}.${cut.epoch} ${cut.loader} ${cut.batch}`;
      test(`cut at ${where}, saving every ${every ?? "epoch"}, equals one that was not`, async (t) => {
        const [whole, parts] = [temporaryFolder(t), temporaryFolder(t)];
        const options = { checkpointEvery: every };
        const [expected] = await runRanks(recipeWith(null), 2, { ...options, logdir: whole });
        await assert.rejects(runRanks(recipeWith(cut), 2, { ...options, logdir: parts }), Killed);
        const [resumed] = await runRanks(
          recipeWith(null),
          2,
          { ...options, logdir: parts },
          { resume: last(parts) },
        );
        assert.deepEqual(timeless(resumed), timeless(expected));
        for (const file of ["train.csv", "valid.csv"]) {
          assert.equal(
            readFileSync(join(parts, file), "utf8"),
            readFileSync(join(whole, file), "utf8"),
            file,
          );
        }
        assert.deepEqual(events(parts).sort(), events(whole).sort());
        assert.deepEqual(
          readdirSync(join(parts, "checkpoints")).sort(),
          readdirSync(join(whole, "checkpoints")).sort(),
        );
        assert.deepEqual(readCheckpoint(last(parts)).counters, readCheckpoint(last(whole)).counters);
      });
    }
  }

  test("goes on from an earlier checkpoint than the last, and forgets what came after", async (t) => {
    const [whole, parts] = [temporaryFolder(t), temporaryFolder(t)];
    const [expected] = await runRanks(recipeWith(null), 2, { logdir: whole });
    cpSync(whole, parts, { recursive: true });
    const resume = join(parts, "checkpoints/one.3.safetensors");
    const [resumed] = await runRanks(recipeWith(null), 2, { logdir: parts }, { resume });
    assert.deepEqual(timeless(resumed), timeless(expected));
    assert.deepEqual(events(parts).sort(), events(whole).sort());
  });

  test("is cut between steps only, when batches are accumulated", async (t) => {
    const [whole, parts] = [temporaryFolder(t), temporaryFolder(t)];
    const changes = () => ({ optimizer: new OptimizerCallback({ metricKey: "loss", accumulationSteps: 3 }) });
    const options = { checkpointEvery: 2 };
    const [expected] = await runRanks(recipeWith(null, changes()), 1, { ...options, logdir: whole });
    const cut = { stage: "one", epoch: 2, loader: "train", batch: 7 };
    await assert.rejects(runRanks(recipeWith(cut, changes()), 1, { ...options, logdir: parts }), Killed);
    assert.equal(readCheckpoint(last(parts)).midEpoch?.batches, 6);
    const more = { resume: last(parts) };
    const [resumed] = await runRanks(recipeWith(null, changes()), 1, { ...options, logdir: parts }, more);
    assert.equal(resumed.weights_sha256, expected.weights_sha256);
  });

  test("of another number of workers is refused within an epoch, with what to type", async (t) => {
    const logdir = temporaryFolder(t);
    const cut = { stage: "one", epoch: 2, loader: "train", batch: 5 };
    await assert.rejects(runRanks(recipeWith(cut), 2, { logdir, checkpointEvery: 1 }), Killed);
    await assert.rejects(
      runRanks(recipeWith(null), 3, { logdir }, { resume: last(logdir) }),
      /by 2 workers, .* resume with --workers 2/,
    );
  });

  test("whose last checkpoint is damaged is told the newest good one", async (t) => {
    const logdir = temporaryFolder(t);
    const cut = { stage: "one", epoch: 3, loader: "train", batch: 5 };
    await assert.rejects(runRanks(recipeWith(cut), 2, { logdir }), Killed);
    const bytes = readFileSync(last(logdir));
    bytes[bytes.length - 3] ^= 1;
    writeFileSync(last(logdir), bytes);
    await assert.rejects(
      runRanks(recipeWith(null), 2, { logdir }, { resume: last(logdir) }),
      /damaged.*go on from the newest good checkpoint: --resume .*one\.1\.safetensors/,
    );
  });
});

describe("an interrupted run", () => {
  test("ends after the same batch on all ranks, is saved, and goes on to the same bits", async (t) => {
    const [whole, parts] = [temporaryFolder(t), temporaryFolder(t)];
    const [expected] = await runRanks(recipeWith(null), 2, { logdir: whole });
    const asked = new AbortController();
    const recipe = recipeWith(null);
    class Asked extends recipe {
      override getCallbacks(stage: string) {
        const ask = at("onBatchStart", ({ counters, group, batchIndex }) => {
          if (group.rank === 1 && counters.globalEpochStep === 2 && batchIndex === 3) asked.abort();
        });
        return { ...super.getCallbacks(stage), ask };
      }
    }
    const [cut] = await runRanks(Asked, 2, { logdir: parts }, { interrupted: asked.signal });
    assert.equal(cut.stages[0].epochs.length, 1);
    const state = readCheckpoint(last(parts));
    assert.equal(state.epoch, 2);
    assert.ok(state.midEpoch && state.midEpoch.batches >= 4 && state.midEpoch.batches <= 5);
    const [resumed] = await runRanks(recipeWith(null), 2, { logdir: parts }, { resume: last(parts) });
    assert.deepEqual(timeless(resumed), timeless(expected));
  });
});

describe("a loss that is not a number", () => {
  const recipe = () =>
    class extends ToyRecipe {
      override readonly stages = ["one"];
      override handleBatch(batch: Parameters<ToyRecipe["handleBatch"]>[0]) {
        super.handleBatch(batch);
        if (this.training && this.config.rank === 1 && this.optimizer.iterations === 1) {
          this.batch.logits = tf.mul(this.batch.logits, Number.NaN);
        }
      }
    };

  test("ends the run on all ranks, and the error names rank and batch", async () => {
    await assert.rejects(
      runRanks(recipe(), 2),
      /the loss of rank 1 is NaN in stage "one", epoch 1, train batch 2; the samples' indices are in the rank's log/,
    );
  });

  test("is left out on all ranks with --on-nan skip", async () => {
    let left = 2;
    class Once extends recipe() {
      override handleBatch(batch: Parameters<ToyRecipe["handleBatch"]>[0]) {
        if (this.training && this.config.rank === 1 && this.optimizer.iterations === 1 && left-- <= 0) {
          ToyRecipe.prototype.handleBatch.call(this, batch);
        } else super.handleBatch(batch);
      }
    }
    const [first, second] = await runRanks(Once, 2, { onNan: "skip" });
    assert.equal(first.weights_sha256, second.weights_sha256);
    assert.ok(left < 0, "the poisoned batch came up");
  });
});
