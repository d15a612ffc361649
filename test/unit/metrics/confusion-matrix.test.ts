// The confusion matrix, with counts that all differ: a swap of rows and columns, or of any two, is seen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfusionMatrix } from "../../../src/metrics/confusion-matrix.js";

/** COUNTS[target][prediction]. */
const COUNTS = [
  [5, 1, 2],
  [3, 7, 4],
  [0, 6, 8],
];

function counted(): ConfusionMatrix {
  const matrix = new ConfusionMatrix(3);
  for (const [target, row] of COUNTS.entries()) {
    for (const [prediction, count] of row.entries()) {
      const scores = [0, 0, 0].with(prediction, 1);
      const batch = Array.from({ length: count }, () => scores).flat();
      matrix.update(Float32Array.from(batch), new Int32Array(count).fill(target), 3);
    }
  }
  return matrix;
}

test("rows are targets, columns are predictions, and the names say which is which", () => {
  const matrix = counted();
  assert.deepEqual([...matrix.state], COUNTS.flat());
  const expected = COUNTS.flatMap((row, target) =>
    row.map((count, as) => [`confusion_matrix/target_0${target}_as_0${as}`, count]),
  );
  assert.deepEqual(matrix.compute(), Object.fromEntries(expected));
});

test("classes beyond nine keep two digits", () => {
  const matrix = new ConfusionMatrix(12);
  matrix.update(
    Float32Array.from({ length: 12 }, (_, i) => (i === 3 ? 1 : 0)),
    Int32Array.of(11),
    12,
  );
  const counts = matrix.compute();
  assert.equal(counts["confusion_matrix/target_11_as_03"], 1);
  assert.equal(Object.keys(counts).length, 144);
  assert.equal(
    Object.values(counts).reduce((a, b) => a + b),
    1,
  );
});
