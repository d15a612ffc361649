// The callbacks that measure: criterion, accuracy, precision and its kin, confusion matrix. Real tensors in train,
// valid and infer loaders of a run; the numbers by hand.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Accumulator } from "../../../src/core/context.js";
import { UsageError } from "../../../src/core/errors.js";
import type { LoaderSummary } from "../../../src/core/summary.js";
import { loadEngine } from "../../../src/engine/load.js";
import {
  AccuracyCallback,
  ConfusionMatrixCallback,
  CriterionCallback,
  DataLoader,
  type Dataset,
  type Loader,
  PrecisionRecallF1SupportCallback,
  type tf as Tf,
  tf,
} from "../../../src/index.js";
import { fakeContext } from "../../support/fake-context.js";
import { runRanks } from "../../support/ranks.js";
import { ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

/** Sample i has this target and this prediction. */
const PAIRS = [
  [0, 0],
  [0, 1],
  [0, 1],
  [1, 1],
  [2, 0],
] as const;

/** Hands the scores through as they are, so that every metric is known. */
class Known extends ToyRecipe {
  override readonly stages = ["one"];
  override getStageLen = () => 2;
  override getLoaders(): Record<string, Loader> {
    const dataset: Dataset = {
      length: PAIRS.length,
      collate: (indices) => {
        const pairs = [...indices].map((i) => PAIRS[i]);
        const targets = pairs.map(([target]) => target);
        const scores = pairs.map(([, as]) => [0, 0, 0].with(as, 1));
        return [tf.tensor2d(scores, [pairs.length, 3]), tf.tensor1d(targets, "int32")];
      },
    };
    // Two batches of unequal size: a mean of means would differ.
    const loader = () => new DataLoader(dataset, { batchSize: 4 });
    return { valid: loader(), infer: loader() };
  }
  override getCriterion() {
    return (scores: Tf.Tensor, targets: Tf.Tensor) => {
      const hits = tf.equal(tf.argMax(scores, 1), targets);
      return tf.sub(1, tf.mean(tf.cast(hits, "float32"))) as Tf.Scalar;
    };
  }
  override getCallbacks() {
    const keys = { inputKey: "logits", targetKey: "targets" };
    return {
      criterion: new CriterionCallback({ metricKey: "wrong", ...keys }),
      accuracy: new AccuracyCallback({ ...keys, topk: [1, 2] }),
      scores: new PrecisionRecallF1SupportCallback({ ...keys, numClasses: 3 }),
      confusion: new ConfusionMatrixCallback({ ...keys, numClasses: 3 }),
    };
  }
  override handleBatch(batch: readonly Tf.Tensor[]) {
    const [logits, targets] = batch;
    this.batch = { logits: tf.clone(logits), targets: tf.clone(targets) };
  }
}

test("a valid loader has every metric, weighed by samples and anew each epoch; an infer loader none", async () => {
  const [{ stages }] = await runRanks(Known, 1);
  const [first, second] = stages[0].epochs as readonly Readonly<Record<string, LoaderSummary>>[];
  const [valid, infer] = [second.valid.metrics, second.infer.metrics];
  assert.deepEqual(valid, first.valid.metrics);
  assert.equal(second.valid.samples, first.valid.samples);
  const near = (name: string, value: number) =>
    assert.ok(Math.abs(valid[name] - value) < 1e-6, `${name}: ${valid[name]} for ${value}`);
  near("wrong", 3 / 5);
  assert.equal(valid.accuracy, 2 / 5);
  assert.equal(valid.accuracy01, 2 / 5);
  // Of equal scores the lower class comes first: class 0 is second where 1 was predicted, class 2 third.
  assert.equal(valid.accuracy02, 4 / 5);
  near("precision/class_00", 1 / 2);
  near("recall/class_00", 1 / 3);
  near("precision/class_01", 1 / 3);
  near("recall/class_01", 1);
  assert.equal(valid["support/class_00"], 3);
  assert.equal(valid["confusion_matrix/target_00_as_01"], 2);
  assert.equal(valid["confusion_matrix/target_01_as_00"], 0);
  assert.equal(valid["confusion_matrix/target_02_as_00"], 1);
  assert.deepEqual(infer, {});
});

test("a loss of one pass is not carried into the next", async () => {
  const criterion = new CriterionCallback({ metricKey: "loss", inputKey: "logits", targetKey: "targets" });
  for (const loss of [1, 3]) {
    const accumulators: Accumulator[] = [];
    criterion.onLoaderStart(fakeContext({ isInferLoader: false, accumulators }));
    const batch = {
      criterion: () => tf.scalar(loss),
      batchMetrics: { loss },
      batchSize: 4,
      isTrainLoader: true,
    };
    await criterion.onBatchEnd(fakeContext({ isInferLoader: false, ...batch }));
    assert.deepEqual(
      accumulators.map((accumulator) => accumulator.compute()),
      [{ loss }],
    );
  }
});

test("a tensor that is not in the batch is named, with those that are, and with who wants it", async () => {
  const tensor = tf.scalar(0);
  const context = { isInferLoader: false, batch: { x: tensor, y: tensor } };
  const wants = (who: string) => (error: unknown) =>
    error instanceof UsageError &&
    error.message === `${who} wants "logits" in the batch, but handleBatch put there: x, y`;
  const keys = { inputKey: "logits", targetKey: "y" };
  const criterion = new CriterionCallback({ metricKey: "loss", ...keys });
  assert.throws(() => criterion.onForward(fakeContext(context)), wants("CriterionCallback"));
  for (const callback of [
    new AccuracyCallback(keys),
    new PrecisionRecallF1SupportCallback({ ...keys, numClasses: 3 }),
    new ConfusionMatrixCallback({ ...keys, numClasses: 3 }),
  ]) {
    await assert.rejects(callback.onBatchEnd(fakeContext(context)), wants(callback.constructor.name));
  }
  tensor.dispose();
});
