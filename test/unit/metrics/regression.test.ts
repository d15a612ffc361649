// Errors of numbers and R²: by hand, on hostile values, and with the same bits however ranks share the samples.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { HostValues } from "../../../src/core/criterion.js";
import { UsageError } from "../../../src/core/errors.js";
import type { Metric } from "../../../src/metrics/metric.js";
import { R2 } from "../../../src/metrics/r2.js";
import { MeanAbsoluteError, MeanSquaredError } from "../../../src/metrics/regression-error.js";

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

function floats(values: readonly number[], shape: readonly number[] = [values.length]): HostValues {
  return { shape, dtype: "float32", data: Float32Array.from(values) };
}
function ints(values: readonly number[]): HostValues {
  return { shape: [values.length], dtype: "int32", data: Int32Array.from(values) };
}
function computed(metric: Metric, outputs: HostValues, targets: HostValues): Record<string, number> {
  metric.update(outputs, targets);
  return metric.compute();
}
const all = [() => new MeanAbsoluteError(), () => new MeanSquaredError(), () => new R2()];

test("by hand", () => {
  const [outputs, targets] = [floats([2.5, 0, 2, 8]), floats([3, -0.5, 2, 7])];
  assert.deepEqual(computed(new MeanAbsoluteError(), outputs, targets), { mae: 0.5 });
  assert.deepEqual(computed(new MeanSquaredError(), outputs, targets), {
    mse: 0.375,
    rmse: Math.sqrt(0.375),
  });
  // scikit-learn's own example: 0.948...
  assert.deepEqual(computed(new R2(), outputs, targets), { r2: (29.1875 - 1.5) / 29.1875 });
});

test("targets of integers, and outputs of several numbers a sample", () => {
  assert.deepEqual(computed(new MeanAbsoluteError(), floats([1, 2]), ints([3, 2])), { mae: 1 });
  const matrix = computed(new MeanSquaredError(), floats([1, 2, 3, 4], [2, 2]), floats([1, 2, 3, 6], [2, 2]));
  assert.equal(matrix.mse, 1);
});

test("columns and lists are the same; other shapes and types are refused", () => {
  for (const make of all) {
    const same = [floats([1, 2, 4]), floats([1, 2, 4], [3, 1])];
    const target = [floats([1, 3, 5]), floats([1, 3, 5], [3, 1])];
    const values = same.flatMap((a) => target.map((b) => computed(make(), a, b)));
    for (const value of values) assert.deepEqual(value, values[0]);
    for (const shape of [[1, 3], [3, 1, 1], []]) {
      assert.throws(
        () => computed(make(), floats([1, 2, 4]), floats([1, 3, 5], shape)),
        (error) => error instanceof UsageError && error.message.includes(`got targets [${shape}]`),
      );
    }
    const bools: HostValues = { shape: [3], dtype: "bool", data: Uint8Array.of(1, 0, 1) };
    assert.throws(() => computed(make(), same[0], bools), /wants float32 or int32, got bool/);
  }
  assert.throws(
    () => computed(new R2(), floats([1, 2], [1, 2]), floats([1, 2], [1, 2])),
    /one output a sample/,
  );
});

describe("what is not defined is not a number", () => {
  test("no sample", () => {
    for (const make of all) {
      for (const value of Object.values(make().compute())) assert.equal(value, nan);
      for (const value of Object.values(computed(make(), floats([]), floats([])))) assert.equal(value, nan);
    }
  });

  test("R² of equal targets, right or wrong, also of large ones", () => {
    for (const target of [0, 1, 0.1, 1e30, 16777217.123]) {
      assert.equal(computed(new R2(), floats([1, 2]), floats([target, target])).r2, nan);
      assert.equal(computed(new R2(), floats([target, target]), floats([target, target])).r2, nan);
    }
    assert.equal(computed(new R2(), floats([1, 2]), ints([2147483647, 2147483647])).r2, nan);
    assert.equal(computed(new R2(), floats([1]), floats([1])).r2, nan);
  });

  test("values that are not finite", () => {
    assert.equal(computed(new MeanAbsoluteError(), floats([nan, 1]), floats([0, 0])).mae, nan);
    assert.equal(computed(new MeanAbsoluteError(), floats([-infinity]), floats([0])).mae, infinity);
    assert.equal(computed(new MeanSquaredError(), floats([infinity]), floats([0])).rmse, infinity);
    for (const bad of [nan, infinity]) {
      assert.equal(computed(new R2(), floats([bad, 1]), floats([0, 1])).r2, nan);
      assert.equal(computed(new R2(), floats([0, 1]), floats([bad, 1])).r2, nan);
    }
  });
});

test("R² of targets far from 0 loses no digits", () => {
  // Around 2^24 a float32 ends at the ones; the sums of squares have 2^50, the variance is 1.25.
  const shifted = [0, 1, 2, 3].map((x) => 2 ** 23 + x);
  const outputs = [0.5, 1, 2, 3].map((x) => 2 ** 22 * 2 + x);
  assert.equal(computed(new R2(), floats(outputs), floats(shifted)).r2, 1 - 0 / 5);
  const far = computed(new R2(), ints([2147483647, 2147483645]), ints([2147483647, 2147483646])).r2;
  assert.equal(far, 1 - 1 / 0.5);
});

test("R² of the mean is 0, and below 0 for worse", () => {
  assert.equal(computed(new R2(), floats([2, 2, 2]), floats([1, 2, 3])).r2, 0);
  assert.equal(computed(new R2(), floats([3, 2, 1]), floats([1, 2, 3])).r2, -3);
});

test("the same bits for any number of ranks, any order and any shares", () => {
  const number = fc.float({ noNaN: true, noDefaultInfinity: true });
  const samples = fc.array(fc.record({ output: number, target: number, rank: fc.nat(2) }), { maxLength: 40 });
  fc.assert(
    fc.property(samples, (list) => {
      for (const make of all) {
        const measure = (part: typeof list) => {
          const metric = make();
          for (const { output, target } of part) metric.update(floats([output]), floats([target]));
          return metric;
        };
        const merged = make();
        for (const rank of [2, 1, 0]) {
          const { state } = measure(list.filter((each) => each.rank === rank));
          for (let i = 0; i < state.length; i++) merged.state[i] += state[i];
        }
        assert.deepEqual(merged.compute(), measure(list).compute());
      }
    }),
  );
});

test("near what float64 gives, for numbers of like size", () => {
  const number = fc.float({ min: -100, max: 100, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number), { minLength: 2, maxLength: 50 }), (pairs) => {
      const errors = pairs.map(([output, target]) => target - output);
      const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
      const outputs = floats(pairs.map(([output]) => output));
      const targets = floats(pairs.map(([, target]) => target));
      const near = (actual: number, expected: number) =>
        assert.ok(
          Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected)),
          `${actual} ${expected}`,
        );
      near(computed(new MeanAbsoluteError(), outputs, targets).mae, mean(errors.map(Math.abs)));
      near(computed(new MeanSquaredError(), outputs, targets).mse, mean(errors.map((error) => error ** 2)));
    }),
  );
});
