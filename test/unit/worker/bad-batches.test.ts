// A batch whose loss or gradient is not finite: never stepped on, never saved over a good checkpoint, not in the metrics.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { readCheckpoint } from "../../../src/checkpoint/format.js";
import type { LoaderSummary } from "../../../src/core/summary.js";
import { loadEngine } from "../../../src/engine/load.js";
import { type Batch, CheckpointCallback, OptimizerCallback, tf } from "../../../src/index.js";
import { temporaryFolder } from "../../support/data-files.js";
import { runRanks } from "../../support/ranks.js";
import { ToyRecipe } from "../../support/toy-recipe.js";

type Bad = (logits: tf.Tensor) => tf.Tensor;
/** Its value is the logits', its gradient is not finite: the square root's at 0. */
const badGradient: Bad = (logits) => tf.add(logits, tf.sqrt(tf.sub(logits, logits)));
const badLoss: Bad = (logits) => tf.mul(logits, Number.NaN);

/** In train batch `at` (from 0, counted through the run) of `rank` the logits are `bad`. */
function recipeWith(
  bad: Bad,
  at: number,
  rank = 1,
  optimizer = new OptimizerCallback({ metricKey: "loss" }),
) {
  return class extends ToyRecipe {
    override readonly stages = ["one"];
    #batch = 0;
    override getCallbacks(stage: string) {
      const checkpoint = new CheckpointCallback(this.config.logdir, {});
      return { ...super.getCallbacks(stage), optimizer, checkpoint };
    }
    override handleBatch(batch: Batch) {
      super.handleBatch(batch);
      if (!this.training || this.config.rank !== rank || this.#batch++ !== at) return;
      this.batch = { ...this.batch, logits: bad(this.batch.logits) };
    }
  };
}

for (const engine of ["cpu", "wasm"] as const) {
  describe(`on ${engine}`, () => {
    before(() => loadEngine(engine));

    for (const [name, bad] of [
      ["loss", badLoss],
      ["gradient", badGradient],
    ] as const) {
      for (const wire of ["fp32", "bf16", "fp16"] as const) {
        test(`a bad ${name} ends the run on all ranks before a step or a save, over ${wire}`, async (t) => {
          const logdir = temporaryFolder(t);
          await assert.rejects(
            runRanks(recipeWith(bad, 2), 2, { logdir, wire, checkpointEvery: 1 }),
            /(the (loss|gradient) of rank 1 is .* in stage "one", epoch 1, train batch 3|the mean gradient (is not finite|does not fit))/,
          );
          const { model, counters } = readCheckpoint(`${logdir}/checkpoints/last.safetensors`);
          assert.equal(counters.loaderBatchStep, 4);
          for (const { data } of Object.values(model)) assert.ok([...data].every(Number.isFinite));
        });
      }

      test(`--on-nan skip leaves a bad ${name} out: the step, the metrics, and says how many`, async () => {
        const said: string[] = [];
        const onNotice = (message: string) => void said.push(message);
        const [first, second] = await runRanks(recipeWith(bad, 2), 2, { onNan: "skip" }, { onNotice });
        assert.equal(first.weights_sha256, second.weights_sha256);
        const [train, later] = first.stages[0].epochs.map((epoch) => epoch.train as LoaderSummary);
        assert.equal(train.batches_left_out, 1);
        assert.equal(later.batches_left_out, 0);
        assert.ok(Number.isFinite(train.metrics.loss), String(train.metrics.loss));
        assert.equal(said.length, 1);
        assert.match(said[0], /^1 batch of train left out in epoch 1, .* the log of rank 0 lists them$/);
      });
    }

    test("later batches are stepped on again", async () => {
      const hash = async (epochs: number) =>
        (await runRanks(recipeWith(badLoss, 0), 2, { onNan: "skip", epochs }))[0].weights_sha256;
      assert.notEqual(await hash(1), await hash(2));
    });

    test("of accumulated batches the whole window is left out", async () => {
      const optimizer = () => new OptimizerCallback({ metricKey: "loss", accumulationSteps: 2 });
      const recipe = class extends recipeWith(badLoss, 1) {
        override getCallbacks(stage: string) {
          return { ...super.getCallbacks(stage), optimizer: optimizer() };
        }
      };
      const [{ stages }] = await runRanks(recipe, 2, { onNan: "skip" });
      const train = stages[0].epochs[0].train as LoaderSummary;
      assert.equal(train.batches_left_out, 2);
      assert.ok(Number.isFinite(train.metrics.loss));
    });
  });
}
