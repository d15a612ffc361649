// Metrics and losses in a run: the same values for any number of ranks, keys and prefixes, and what is refused where.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { Callback } from "../../../src/core/callback.js";
import type { Criterion } from "../../../src/core/criterion.js";
import { UsageError } from "../../../src/core/errors.js";
import type { Batch, Dataset, Loader } from "../../../src/core/loader.js";
import type { LoaderSummary } from "../../../src/core/summary.js";
import { loadEngine } from "../../../src/engine/load.js";
import {
  AccuracyCallback,
  AucCallback,
  BinaryAccuracyCallback,
  binaryCrossEntropy,
  ConfusionMatrixCallback,
  CriterionCallback,
  crossEntropy,
  DataLoader,
  DistributedSampler,
  type HostValues,
  MeanAbsoluteErrorCallback,
  MeanCallback,
  MeanSquaredErrorCallback,
  type Metric,
  MetricCallback,
  type MetricOptions,
  MultilabelAccuracyCallback,
  meanSquaredError,
  OptimizerCallback,
  R2Callback,
  Recipe,
  tf,
} from "../../../src/index.js";
import { runRanks } from "../../support/ranks.js";

before(() => loadEngine("cpu"));

type Rows = (index: number) => Readonly<Record<string, number | readonly number[]>>;

/** Samples by index, computed: what a dataset's rows become as tensors, float32 but for `int` keys. */
function dataset(length: number, rows: Rows): Dataset {
  return {
    length,
    collate: (indices) => {
      const samples = [...indices].map(rows);
      return Object.fromEntries(
        Object.keys(samples[0]).map((key) => {
          const values = samples.map((sample) => sample[key]);
          return [key, tf.tensor(values as number[], undefined, key.startsWith("int") ? "int32" : "float32")];
        }),
      );
    },
  };
}

/** One step size of 0: what is measured is what is in the data. */
class Measured extends Recipe<tf.LayersModel> {
  readonly stages = ["one"];
  trainSamples = 12;
  validSamples = 11;
  rows: Rows = (i) => ({
    x: [i / 7],
    probability: ((i * 37) % 101) / 101,
    column: [((i * 37) % 101) / 101],
    intLabel: (i * 7) % 3 === 0 ? 1 : 0,
    scores: [Math.sin(i), Math.cos(2 * i)],
    intScores: [i % 2, 1 - (i % 2)],
    number: 1e3 + Math.sin(5 * i),
    fit: [1e3 + Math.sin(5 * i + 0.3)],
  });
  getStageLen = () => 1;
  getLoaders(): Record<string, Loader> {
    const { batchSize, rank, worldSize: numReplicas } = this.config;
    const loader = (length: number, shuffle: boolean) => {
      const data = dataset(length, this.rows);
      const sampler = new DistributedSampler(data, { rank, numReplicas, shuffle, pad: shuffle });
      return new DataLoader(data, { batchSize, sampler });
    };
    return { train: loader(this.trainSamples, true), valid: loader(this.validSamples, false) };
  }
  getModel = () =>
    tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })] });
  getCriterion = (): Criterion => meanSquaredError();
  getOptimizer = (): tf.Optimizer => tf.train.sgd(0);
  getCallbacks(): Record<string, Callback> {
    return {
      criterion: new CriterionCallback({ metricKey: "loss", inputKey: "y", targetKey: "number" }),
      optimizer: new OptimizerCallback({ metricKey: "loss" }),
      ...this.metrics(),
    };
  }
  metrics(): Record<string, Callback> {
    return {};
  }
  handleBatch(batch: Batch): void {
    const data = batch as Record<string, tf.Tensor>;
    this.batch = { ...data, y: this.model.apply(data.x) as tf.Tensor };
  }
}

async function validMetrics(Recipe: typeof Measured, worldSize: number): Promise<Record<string, number>> {
  const results = await runRanks(Recipe, worldSize);
  return (results[0].stages[0].epochs[0].valid as LoaderSummary).metrics;
}

async function refused(Recipe: typeof Measured, message: RegExp, changes = {}): Promise<void> {
  await assert.rejects(runRanks(Recipe, 1, changes), (error: Error) => {
    assert.ok(error instanceof UsageError, error.stack);
    assert.match(error.message, message);
    return true;
  });
}

class Everything extends Measured {
  override metrics() {
    const binary = { inputKey: "probability", targetKey: "intLabel" };
    const numbers = { inputKey: "fit", targetKey: "number" };
    const classes = { inputKey: "scores", targetKey: "intScores" };
    return {
      binary: new BinaryAccuracyCallback({ ...binary, prefix: "binary_" }),
      column: new BinaryAccuracyCallback({ ...binary, inputKey: "column", prefix: "column_" }),
      logits: new BinaryAccuracyCallback({ ...binary, fromLogits: true, threshold: 0.6, prefix: "logits_" }),
      multilabel: new MultilabelAccuracyCallback({ ...classes, fromLogits: true, prefix: "labels_" }),
      auc: new AucCallback(binary),
      mae: new MeanAbsoluteErrorCallback(numbers),
      mse: new MeanSquaredErrorCallback(numbers),
      r2: new R2Callback(numbers),
      accuracy: new AccuracyCallback(classes),
      matrix: new ConfusionMatrixCallback({ ...classes, numClasses: 2 }),
    };
  }
}

describe("metrics over ranks", () => {
  test("have the same bits on 1, 2 and 3 ranks, counts and sums alike", async () => {
    const { loss, ...alone } = await validMetrics(Everything, 1);
    assert.deepEqual(
      Object.keys(alone).filter((name) => !name.includes("/")),
      [
        "binary_accuracy",
        "column_accuracy",
        "logits_accuracy",
        "labels_accuracy",
        "labels_exact_match",
        "auc",
        "mae",
        "mse",
        "rmse",
        "r2",
        "accuracy",
        "accuracy01",
      ],
    );
    assert.equal(alone.binary_accuracy, alone.column_accuracy);
    for (const [name, value] of Object.entries(alone)) assert.ok(Number.isFinite(value), name);
    for (const worldSize of [2, 3]) {
      const { loss: other, ...values } = await validMetrics(Everything, worldSize);
      assert.deepEqual(values, alone);
      assert.ok(Math.abs(other - loss) <= 1e-6 * loss, `${other} ${loss}`);
    }
  });

  test("are right where a rank has no sample", async () => {
    class Two extends Everything {
      override validSamples = 2;
    }
    const { loss: _, ...alone } = await validMetrics(Two, 1);
    const { loss: __, ...three } = await validMetrics(Two, 3);
    assert.deepEqual(three, alone);
    assert.equal(alone["confusion_matrix/target_00_as_00"] + alone["confusion_matrix/target_00_as_01"], 1);
  });

  test("what has no value is not a number, and nothing ends because of it", async () => {
    class OneSample extends Everything {
      override validSamples = 1;
    }
    const { auc, r2, mae } = await validMetrics(OneSample, 3);
    assert.deepEqual([auc, r2], [Number.NaN, Number.NaN]);
    assert.ok(mae > 0);
  });
});

/** The metric of the README. */
class Bias implements Metric {
  readonly state = new Float64Array(2);
  reset() {
    this.state.fill(0);
  }
  update(outputs: HostValues, targets: HostValues) {
    outputs.data.forEach((output, i) => {
      this.state[0] += output - targets.data[i];
    });
    this.state[1] += outputs.data.length;
  }
  compute() {
    return { bias: this.state[0] / this.state[1] };
  }
}

describe("a metric of one's own", () => {
  const withBias = (keys: string[], options: MetricOptions = {}) =>
    class extends Measured {
      override metrics() {
        return { bias: new MetricCallback(new Bias(), keys, options) };
      }
    };

  test("needs an accumulator and keys", async () => {
    const [one, three] = [
      await validMetrics(withBias(["fit", "number"]), 1),
      await validMetrics(withBias(["fit", "number"]), 3),
    ];
    assert.ok(Math.abs(one.bias) > 0.01);
    assert.ok(Math.abs(one.bias - three.bias) < 1e-12);
    const named = await validMetrics(withBias(["fit", "number"], { prefix: "head_" }), 1);
    assert.equal(named.head_bias, one.bias);
    assert.equal(named.bias, undefined);
  });

  test("is told of keys that are not there, and of what is no batch", async () => {
    await refused(
      withBias(["fit", "wrong"]),
      /MetricCallback wants "wrong" in the batch, but .* x, probability/,
    );
    class Scalar extends withBias(["fit", "total"]) {
      override handleBatch(batch: Batch) {
        super.handleBatch(batch);
        this.batch = { ...this.batch, total: tf.scalar(1) };
      }
    }
    await refused(
      Scalar,
      /^train batch 1 of stage "one" \(samples .*\): MetricCallback\(Bias\) of "fit" and "total": "fit" is \[4,1\] and "total" \[\]/,
    );
  });
});

describe("a mean of one's own", () => {
  class Means extends Measured {
    options: MetricOptions = {};
    override metrics(): Record<string, Callback> {
      const own: Callback = {
        order: 0,
        onForward(context) {
          context.batchTensors.tensor = context.batch.number.mean();
        },
      };
      return { own, means: new MeanCallback({ keys: ["scalar", "tensor"], ...this.options }) };
    }
    override handleBatch(batch: Batch) {
      super.handleBatch(batch);
      this.batch = { ...this.batch, scalar: this.batch.x.mean() };
    }
  }

  test("weighs batches by their samples, on any number of ranks", async () => {
    const expected = [...Array(11).keys()].reduce((sum, i) => sum + i / 7, 0) / 11;
    for (const worldSize of [1, 3]) {
      const { scalar, tensor } = await validMetrics(Means, worldSize);
      assert.ok(Math.abs(scalar - expected) < 1e-6, `${scalar}`);
      assert.ok(Math.abs(tensor - 1e3) < 1, `${tensor}`);
    }
    class Prefixed extends Means {
      override options = { prefix: "my_" };
    }
    assert.ok("my_scalar" in (await validMetrics(Prefixed, 1)));
  });

  test("wants scalars that are there", async () => {
    class Missing extends Measured {
      override metrics() {
        return { means: new MeanCallback({ keys: ["nothing"] }) };
      }
    }
    await refused(Missing, /MeanCallback wants "nothing" in the batch/);
    class Vector extends Measured {
      override metrics() {
        return { means: new MeanCallback({ keys: ["number"] }) };
      }
    }
    await refused(Vector, /train batch 1 .*"number" is \[4\]; MeanCallback wants a scalar/);
  });
});

describe("a name computed twice is refused, naming both", () => {
  const both = (metrics: () => Record<string, Callback>) =>
    class extends Measured {
      override metrics = metrics;
    };

  test("by two metrics, by two losses, by a loss and a mean", async () => {
    const keys = { inputKey: "probability", targetKey: "intLabel" };
    const classes = { inputKey: "scores", targetKey: "intScores" };
    await refused(
      both(() => ({ a: new BinaryAccuracyCallback(keys), b: new AccuracyCallback(classes) })),
      /^"accuracy" of loader "train" is computed twice, by BinaryAccuracyCallback of "probability" and "intLabel" and by AccuracyCallback of "scores" and "intScores": give one of them another name/,
    );
    const loss = { metricKey: "loss", inputKey: "fit", targetKey: "number" };
    await refused(
      both(() => ({ again: new CriterionCallback(loss) })),
      /"loss" .* by CriterionCallback of "y" and "number" and by CriterionCallback of "fit" and "number"/,
    );
    await refused(
      both(() => ({ mean: new MeanCallback({ keys: ["loss"] }) })),
      /"loss" .* by CriterionCallback of "y" and "number" and by MeanCallback of "loss"/,
    );
  });

  test("also with an accumulator that a callback adds by itself; a prefix settles it", async () => {
    const own: Callback = {
      order: 0,
      onLoaderStart: ({ accumulators }) => void accumulators.push(new Bias()),
    };
    const twice = (options: MetricOptions) =>
      both(() => ({ own, bias: new MetricCallback(new Bias(), ["fit", "number"], options) }));
    await refused(twice({}), /"bias" .* by Bias and by MetricCallback\(Bias\) of "fit" and "number"/);
    assert.ok("other_bias" in (await validMetrics(twice({ prefix: "other_" }), 1)));
  });
});

describe("values are checked before anything is learned", () => {
  const keys = { metricKey: "loss", inputKey: "scores", targetKey: "intTarget" };
  class Classes extends Measured {
    target = (i: number): number | readonly number[] => i % 2;
    weight = (_: number) => 1;
    override rows = (i: number) => ({
      x: [1],
      intTarget: this.target(i),
      weight: this.weight(i),
      number: 0,
    });
    override getCriterion = (): Criterion => crossEntropy({ weightKey: "weight" });
    override getModel = () =>
      tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1], kernelInitializer: "zeros" })] });
    override getOptimizer = (): tf.Optimizer => tf.train.sgd(1);
    override getCallbacks() {
      return {
        criterion: new CriterionCallback(keys),
        optimizer: new OptimizerCallback({ metricKey: "loss" }),
      };
    }
    override handleBatch(batch: Batch) {
      const data = batch as Record<string, tf.Tensor>;
      this.batch = { ...data, scores: this.model.apply(data.x) as tf.Tensor };
    }
  }

  test("labels out of range, with no metric to notice them", async () => {
    class Wrong extends Classes {
      override target = (i: number) => (i === 5 ? 2 : i % 2);
    }
    await refused(
      Wrong,
      /^train batch \d of stage "one" \(samples [\d, ]*\b5\b[\d, ]*\): "intTarget": target 2 is outside the 2 classes/,
    );
    class Negative extends Classes {
      override target = (i: number) => (i === 5 ? -1 : i % 2);
    }
    await refused(Negative, /"intTarget": target -1 is outside/);
  });

  test("a column of labels counts like a list", async () => {
    class Column extends Classes {
      override getOptimizer = (): tf.Optimizer => tf.train.sgd(0);
      override target = (i: number): number | readonly number[] => [i % 2];
    }
    assert.ok(Math.abs((await validMetrics(Column, 2)).loss - Math.LN2) < 1e-6);
  });

  test("weights of samples", async () => {
    class Wrong extends Classes {
      override weight = (i: number) => (i === 5 ? -1 : 1);
    }
    await refused(Wrong, /train batch \d of stage "one" .*: "weight": the weight -1 is not 0 or more/);
  });

  test("outputs that are no probabilities", async () => {
    class Logits extends Measured {
      override rows = (i: number) => ({ x: [5], number: i % 2 });
      override getCriterion = (): Criterion => binaryCrossEntropy();
    }
    await refused(Logits, /train batch 1 .*: "y": the output 5 is no probability; .* fromLogits: true/);
  });

  test("a target that is NaN; where such batches are left out it is, and the rest counts", async () => {
    class Hole extends Measured {
      override rows = (i: number) => ({ x: [1], number: i === 5 ? Number.NaN : 3 });
      override validSamples = 4;
    }
    await refused(Hole, /^train batch \d .*: "number": target NaN is not a finite number/);
    const [{ stages }] = await runRanks(Hole, 2, { onNan: "skip" });
    const train = stages[0].epochs[0].train as LoaderSummary;
    assert.equal(train.batches_left_out, 1);
    assert.equal(train.metrics.loss, 4);
    class ValidHole extends Hole {
      override trainSamples = 4;
      override validSamples = 6;
    }
    await refused(ValidHole, /^valid batch 2 .*: "number": target NaN/, { onNan: "skip" });
  });

  test("metrics name the loader, the batch, the keys and the value", async () => {
    class Wrong extends Measured {
      override validSamples = 6;
      override trainSamples = 4;
      override rows = (i: number) => ({ x: [1], number: 1, probability: i === 5 ? 1.5 : 0.5, label: 1 });
      override metrics() {
        return { auc: new AucCallback({ inputKey: "probability", targetKey: "label" }) };
      }
    }
    await refused(
      Wrong,
      /^valid batch 2 of stage "one" \(samples 4, 5\): AucCallback of "probability" and "label": the output 1\.5 is no probability/,
    );
  });
});
