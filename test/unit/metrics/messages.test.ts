// What a metric refuses is told in its own name, with the numbers that are wrong and those that would be right.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Accuracy } from "../../../src/metrics/accuracy.js";
import { Classification } from "../../../src/metrics/classification.js";
import { ConfusionMatrix } from "../../../src/metrics/confusion-matrix.js";

const metrics = [
  ["Accuracy", () => new Accuracy()],
  ["Classification", () => new Classification(3)],
  ["ConfusionMatrix", () => new ConfusionMatrix(3)],
] as const;

const refusal = (message: string) => ({ name: "UsageError", message });

for (const [name, make] of metrics) {
  test(`${name}: scores and targets that do not fit each other`, () => {
    assert.throws(
      () => make().update(new Float32Array(5), new Int32Array(2), 3),
      refusal(`${name}: 2 targets of 3 classes need 6 scores, got 5`),
    );
    assert.throws(
      () => make().update(new Float32Array(6), Int32Array.of(2, 3), 3),
      refusal(`${name}: target 3 is outside the 3 classes (0 to 2)`),
    );
  });
}

test("a number of classes that cannot be, or is not the one that comes", () => {
  for (const [name, Metric] of [
    ["Classification", Classification],
    ["ConfusionMatrix", ConfusionMatrix],
  ] as const) {
    assert.throws(
      () => new Metric(0.5),
      refusal(`${name}: numClasses must be a whole number of at least 1, got 0.5`),
    );
    assert.throws(
      () => new Metric(3).update(new Float32Array(4), new Int32Array(1), 4),
      refusal(`${name}: made for numClasses 3, but the scores have 4 classes`),
    );
  }
});

test("a k that cannot be, among those that can", () => {
  assert.throws(
    () => new Accuracy([1, 0, 5]),
    refusal("Accuracy: topk must list whole numbers of at least 1, got [1, 0, 5]"),
  );
});
