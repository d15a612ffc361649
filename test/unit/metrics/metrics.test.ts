// Metrics equal torch's and scikit-learn's, and adding up the shards' states gives the whole, to the bit.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { passes } from "../../../scripts/parity/comparison.js";
import { compareMetrics } from "../../../scripts/parity/metrics.js";
import type { Accumulator } from "../../../src/core/context.js";
import { UsageError } from "../../../src/core/errors.js";
import { Accuracy } from "../../../src/metrics/accuracy.js";
import { Classification } from "../../../src/metrics/classification.js";
import { ConfusionMatrix } from "../../../src/metrics/confusion-matrix.js";
import { Mean } from "../../../src/metrics/mean.js";
import { parityFile } from "../../support/golden.js";

const golden = parityFile("metrics.json");

interface ClassMetric extends Accumulator {
  update(scores: Float32Array, targets: Int32Array, classes: number): void;
}

function updated<M extends ClassMetric>(
  metric: M,
  rows: readonly (readonly number[])[],
  targets: number[],
): M {
  metric.update(Float32Array.from(rows.flat()), Int32Array.from(targets), rows[0].length);
  return metric;
}

test("torch's and scikit-learn's values, all golden cases", { skip: golden.skip }, () => {
  const comparison = compareMetrics(dirname(golden.path));
  assert.equal(comparison.cases, 5);
  assert.ok(passes(comparison), comparison.detail);
});

test("the comparison notices a value that is off or not there", { skip: golden.skip }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ddp-train-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [from, to] of [
    [/"macro": *\{ *"precision": *[\d.]+/, '"macro": {"precision": 0.123'],
    [/"topk": *\{/, '"topk": {"2": 0.123, '],
  ] as const) {
    const text = readFileSync(golden.path, "utf8");
    const spoiled = text.replace(from, to);
    assert.notEqual(spoiled, text);
    writeFileSync(join(folder, "metrics.json"), spoiled);
    assert.ok(!passes(compareMetrics(folder)), to);
  }
});

test("a mean weighs batches by their samples", () => {
  const mean = new Mean(["loss", "lr"]);
  mean.update([2, 0.5], 32);
  mean.update([4, 0.5], 16);
  assert.deepEqual(mean.compute(), { loss: 128 / 48, lr: 0.5 });
  mean.reset();
  assert.deepEqual(mean.compute(), { loss: Number.NaN, lr: Number.NaN });
  mean.update([Number.NaN, 1], 1);
  assert.deepEqual(mean.compute(), { loss: Number.NaN, lr: 1 });
});

test("accuracy by hand: names, ties, NaN, and k beyond the classes", () => {
  const rows = [
    [0.1, 0.7, 0.2], // best 1, then 2
    [0.5, 0.5, 0.5], // a tie: the lower class comes first
    [0.5, 0.5, 0.5],
    [3, 2, 1],
  ];
  const accuracy = updated(new Accuracy([1, 2, 5]), rows, [1, 0, 1, 2]);
  assert.deepEqual(accuracy.compute(), { accuracy: 0.5, accuracy01: 0.5, accuracy02: 0.75, accuracy05: 1 });
  assert.deepEqual(Object.keys(new Accuracy().compute()), [
    "accuracy",
    "accuracy01",
    "accuracy03",
    "accuracy05",
  ]);
  assert.deepEqual(Object.keys(new Accuracy([3]).compute()), ["accuracy03"]);

  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
  const broken = updated(
    new Accuracy([1, 2, 9]),
    [
      [nan, nan, nan], // never right, not even among 9
      [1, nan, 0], // the NaN comes first, so the target is second
      [infinity, 0, -infinity],
    ],
    [0, 0, 0],
  );
  assert.deepEqual([...broken.state], [1, 2, 2, 3]);
});

test("precision, recall, F1 and support by hand, under Catalyst's names", () => {
  // Targets 0 0 1 1, predictions 0 1 1 1; class 2 never occurs: its ratios are 0 / 0, taken as 0.
  const rows = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 1, 0],
    [0, 1, 0],
  ];
  const values = updated(new Classification(3), rows, [0, 0, 1, 1]).compute();
  assert.deepEqual(values, {
    "precision/_micro": 3 / 4,
    "precision/_macro": (1 + 2 / 3) / 3,
    "precision/_weighted": (2 * 1 + 2 * (2 / 3)) / 4,
    "precision/class_00": 1,
    "precision/class_01": 2 / 3,
    "precision/class_02": 0,
    "recall/_micro": 3 / 4,
    "recall/_macro": 1.5 / 3,
    "recall/_weighted": 3 / 4,
    "recall/class_00": 1 / 2,
    "recall/class_01": 1,
    "recall/class_02": 0,
    "f1/_micro": 3 / 4,
    "f1/_macro": (2 / 3 + 4 / 5) / 3,
    "f1/_weighted": (2 * (2 / 3) + 2 * (4 / 5)) / 4,
    "f1/class_00": 2 / 3,
    "f1/class_01": 4 / 5,
    "f1/class_02": 0,
    "support/class_00": 2,
    "support/class_01": 2,
    "support/class_02": 0,
  });
  const nothing = new Classification(3).compute();
  assert.ok(Object.values(nothing).every((value) => value === 0));
});

test("the confusion matrix counts (target, prediction) pairs", () => {
  const rows = [
    [1, 0],
    [0, 1],
    [0, 1],
    [1, 1],
  ];
  assert.deepEqual(updated(new ConfusionMatrix(2), rows, [0, 0, 1, 1]).compute(), {
    "confusion_matrix/target_00_as_00": 1,
    "confusion_matrix/target_00_as_01": 1,
    "confusion_matrix/target_01_as_00": 1,
    "confusion_matrix/target_01_as_01": 1,
  });
});

test("a row that holds a NaN predicts nothing, wherever the NaN is", () => {
  for (const row of [
    [Number.NaN, 1, 2],
    [2, Number.NaN, 1],
    [1, 2, Number.NaN],
  ]) {
    assert.deepEqual([...updated(new Classification(3), [row], [1]).state], [0, 0, 0, 0, 0, 0, 0, 1, 0]);
    assert.deepEqual([...updated(new ConfusionMatrix(3), [row], [1]).state], Array(9).fill(0));
    assert.equal(updated(new Accuracy([1]), [row], [1]).compute().accuracy, 0);
  }
});

const batches = fc.integer({ min: 1, max: 12 }).chain((classes) =>
  fc.record({
    classes: fc.constant(classes),
    // Few distinct scores, so that ties are common.
    samples: fc.array(
      fc.record({
        scores: fc.array(fc.integer({ min: -3, max: 3 }), { minLength: classes, maxLength: classes }),
        target: fc.nat(classes - 1),
        rank: fc.nat(3),
      }),
      { maxLength: 60 },
    ),
  }),
);

test("adding up the shards' states gives the whole, to the bit", () => {
  fc.assert(
    fc.property(batches, ({ classes, samples }) => {
      for (const make of [
        () => new Accuracy([1, 3, 5]),
        () => new Classification(classes),
        () => new ConfusionMatrix(classes),
      ] satisfies (() => ClassMetric)[]) {
        const measure = (part: typeof samples): ClassMetric => {
          const metric = make();
          const scores = Float32Array.from(part.flatMap((sample) => sample.scores));
          metric.update(
            scores,
            Int32Array.from(part, (sample) => sample.target),
            classes,
          );
          return metric;
        };
        const whole = measure(samples);
        const merged = make();
        for (const rank of [0, 1, 2, 3]) {
          const shard = measure(samples.filter((sample) => sample.rank === rank));
          for (let i = 0; i < merged.state.length; i++) merged.state[i] += shard.state[i];
        }
        assert.deepEqual(merged.state, whole.state);
        assert.deepEqual(merged.compute(), whole.compute());
      }
    }),
  );
});

test("adding up the shards' mean states gives the whole, to the bit, for float32 means in a like range", () => {
  // 24 bits of a float32 times 6 of a batch size, added a thousand times, stay below float64's 53 bits.
  const batch = fc.record({
    mean: fc.integer({ min: 0, max: 2 ** 24 - 1 }),
    size: fc.integer({ min: 1, max: 64 }),
  });
  fc.assert(
    fc.property(fc.array(fc.array(batch), { minLength: 1, maxLength: 5 }), (shards) => {
      const measure = (part: { mean: number; size: number }[]): Mean => {
        const metric = new Mean(["loss"]);
        for (const { mean, size } of part) metric.update([mean / 2 ** 20], size);
        return metric;
      };
      const whole = measure(shards.flat());
      const merged = new Mean(["loss"]);
      for (const shard of shards.map(measure)) {
        for (let i = 0; i < merged.state.length; i++) merged.state[i] += shard.state[i];
      }
      assert.deepEqual(merged.state, whole.state);
    }),
  );
});

test("accuracy at 1, micro recall and the matrix's diagonal are one number; reset forgets everything", () => {
  fc.assert(
    fc.property(batches, ({ classes, samples }) => {
      fc.pre(samples.length > 0);
      const rows = samples.map((sample) => sample.scores);
      const targets = samples.map((sample) => sample.target);
      const accuracy = updated(new Accuracy([1]), rows, targets);
      const classification = updated(new Classification(classes), rows, targets);
      const matrix = updated(new ConfusionMatrix(classes), rows, targets);
      const diagonal = matrix.state.filter((_, i) => i % (classes + 1) === 0).reduce((a, b) => a + b, 0);
      assert.equal(accuracy.compute().accuracy, diagonal / samples.length);
      assert.equal(classification.compute()["recall/_micro"], diagonal / samples.length);
      for (const metric of [accuracy, classification, matrix]) {
        metric.reset();
        assert.ok(metric.state.every((value) => value === 0));
      }
    }),
  );
});

test("bad targets, shapes and class counts are the caller's mistake and are named", () => {
  const refused = (run: () => unknown, message: RegExp) =>
    assert.throws(run, (error) => error instanceof UsageError && message.test(error.message));
  const row = [[0, 1, 2]];
  for (const make of [() => new Accuracy(), () => new Classification(3), () => new ConfusionMatrix(3)]) {
    for (const target of [3, -1]) {
      refused(() => updated(make(), row, [target]), new RegExp(`target ${target} is outside the 3 classes`));
    }
    refused(() => updated(make(), row, [0, 1]), /2 targets of 3 classes need 6 scores, got 3/);
  }
  for (const make of [() => new Classification(4), () => new ConfusionMatrix(4)]) {
    refused(() => updated(make(), row, [0]), /numClasses 4, but the scores have 3 classes/);
  }
  for (const bad of [0, -1, 2.5, Number.NaN]) {
    refused(() => new Classification(bad), /numClasses/);
    refused(() => new ConfusionMatrix(bad), /numClasses/);
    refused(() => new Accuracy([1, bad]), /topk/);
  }
  refused(() => new Accuracy([]), /topk/);
});
