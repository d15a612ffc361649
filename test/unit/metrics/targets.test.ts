// Targets of a classification: which are understood, and what is said of those that are not.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostValues } from "../../../src/core/criterion.js";
import { UsageError } from "../../../src/core/errors.js";
import { classIndices } from "../../../src/metrics/targets.js";

const nan = Number.NaN;

function ints(values: readonly number[], shape: readonly number[]): HostValues {
  return { shape, dtype: "int32", data: Int32Array.from(values) };
}
function floats(values: readonly number[], shape: readonly number[]): HostValues {
  return { shape, dtype: "float32", data: Float32Array.from(values) };
}

test("indices, a column of them, one-hot rows of any type, and probabilities", () => {
  const hot = [0, 0, 1, 1, 0, 0];
  for (const targets of [
    ints([2, 0], [2]),
    ints([2, 0], [2, 1]),
    ints(hot, [2, 3]),
    floats(hot, [2, 3]),
    { shape: [2, 3], dtype: "bool", data: Uint8Array.from(hot) },
    floats([0.2, 0.2, 0.6, 0.4, 0.3, 0.3], [2, 3]),
  ]) {
    assert.deepEqual([...classIndices(targets, [2, 3])], [2, 0]);
  }
  assert.deepEqual([...classIndices(floats([0.5, 0.5], [1, 2]), [1, 2])], [0], "of equals the first");
});

test("everything else is refused and says what it is", () => {
  for (const [targets, outputs, message] of [
    [ints([3, 0], [2]), [2, 3], /target 3 is outside the 3 classes \(0 to 2\)/],
    [ints([-1, 0], [2, 1]), [2, 3], /target -1 is outside the 3 classes/],
    [
      floats([1, 0], [2]),
      [2, 3],
      /int32 class indices \[2\] or one-hot rows \[2, 3\] as targets, got float32 \[2\]/,
    ],
    [ints([1, 0], [1, 2]), [2, 3], /got int32 \[1,2\]/],
    [ints([1, 0, 2], [3]), [2, 3], /got int32 \[3\]/],
    [ints([1, 0, 0, 1], [2, 2]), [2, 3], /got int32 \[2,2\]/],
    [floats([1, 1, 0], [1, 3]), [1, 3], /a target row adds up to 2/],
    [floats([0, 0, 0], [1, 3]), [1, 3], /a target row adds up to 0/],
    [floats([2, -1, 0], [1, 3]), [1, 3], /a target row holds -1/],
    [floats([1, nan, 0], [1, 3]), [1, 3], /a target row holds NaN/],
    [ints([0, 0], [2]), [2], /wants outputs \[batch, classes\], got \[2\]/],
    [ints([0, 1], [2, 1]), [2, 1], /two or more classes, got \[2,1\]; .* binaryCrossEntropy/],
  ] as const) {
    assert.throws(
      () => classIndices(targets, outputs),
      (error) => error instanceof UsageError && message.test(error.message),
      String(message),
    );
  }
});
