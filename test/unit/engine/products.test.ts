// Matrix products against a plain loop, to the bit: each output is summed over k in order, whichever path computes it.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { tf } from "../../../src/engine/tf.js";
import type { Kernels } from "../../../src/engine/wasm/kernels.js";
import { assertClose, bits, loadKernels, numbers, random, withStock } from "../../support/kernels.js";

/** float32 sum over p = 0, 1, ..., a multiply and an add each. */
function reference(
  a: Float32Array,
  b: Float32Array,
  m: number,
  n: number,
  k: number,
  transposeA: boolean,
  transposeB: boolean,
): Float32Array {
  const c = new Float32Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        const left = transposeA ? a[p * m + i] : a[i * k + p];
        const right = transposeB ? b[j * k + p] : b[p * n + j];
        sum = Math.fround(sum + Math.fround(left * right));
      }
      c[i * n + j] = sum;
    }
  }
  return c;
}

/** Rows, columns, depth: tails of every tile, primes, blocks of k, and sizes large enough for the sparse paths. */
const SHAPES: readonly (readonly [number, number, number])[] = [
  ...[1, 2, 3, 5, 8, 17].flatMap((m) =>
    [1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 33].flatMap((n) =>
      [1, 2, 7, 32].map((k) => [m, n, k] as const),
    ),
  ),
  [3, 5, 0],
  [32, 128, 784],
  [784, 128, 32],
  [131, 67, 61],
  [17, 65, 257],
  [5, 13, 600],
  [33, 16, 1031],
  [6, 37, 513],
];

let kernels: Kernels;
before(async () => {
  kernels = await loadKernels();
});

describe("matMul", () => {
  for (const zeros of [0, 0.8]) {
    for (const [transposeA, transposeB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      test(`transposeA ${transposeA}, transposeB ${transposeB}, ${zeros * 100}% zeros`, () => {
        for (const [m, n, k] of SHAPES) {
          const [a, b] = [numbers(m * k, m + n, zeros), numbers(k * n, k + n)];
          const product = tf.tidy(() =>
            tf.matMul(
              tf.tensor2d(a, transposeA ? [k, m] : [m, k]),
              tf.tensor2d(b, transposeB ? [n, k] : [k, n]),
              transposeA,
              transposeB,
            ),
          );
          const expected = reference(a, b, m, n, k, transposeA, transposeB);
          assert.deepEqual(product.dataSync(), expected, `${m}x${k} by ${k}x${n}`);
          product.dispose();
        }
      });
    }
  }

  test("no rows or no columns give an empty product", () => {
    assert.deepEqual(tf.matMul(tf.zeros([0, 5]), tf.zeros([5, 3])).shape, [0, 3]);
    assert.deepEqual(tf.matMul(tf.zeros([4, 5]), tf.zeros([5, 0])).shape, [4, 0]);
  });

  test("a batch of one keeps its rank; real batches, int32 and misfits are left to tfjs", () => {
    assert.deepEqual(tf.matMul(random([1, 1, 4, 5]), random([5, 6])).shape, [1, 1, 4, 6]);
    const [a, b] = [random([3, 4, 5], 2), random([3, 5, 6], 3)];
    const own = tf.matMul(a, b);
    assert.deepEqual(bits(own), bits(withStock(() => tf.matMul(a, b))));
    assert.throws(() => tf.matMul(random([3, 4]), random([3, 4])), /inner/i);
  });

  test("zeros are skipped only where nothing is infinite or NaN", () => {
    const x = random([32, 784], 1, 0.9);
    const w = numbers(784 * 128, 2);
    w[5 * 128 + 3] = Number.POSITIVE_INFINITY;
    const column = tf.matMul(x, tf.tensor2d(w, [784, 128])).arraySync() as number[][];
    // 0 * Infinity is NaN, so no row of that column is finite.
    assert.ok(column.every((row) => !Number.isFinite(row[3]) && Number.isFinite(row[4])));
  });

  test("a NaN anywhere in the left operand reaches its row", () => {
    const a = numbers(32 * 784, 1, 0.9);
    a[7 * 784 + 11] = Number.NaN;
    const product = tf.matMul(tf.tensor2d(a, [32, 784]), random([784, 128])).arraySync() as number[][];
    assert.ok(product.every((row, i) => row.every((value) => Number.isNaN(value) === (i === 7))));
  });

  test("fused with bias and relu, as tfjs fuses them", () => {
    for (const [m, n, k] of [
      [32, 10, 128],
      [1, 1, 1],
      [7, 33, 19],
    ]) {
      for (const activation of ["linear", "relu", "sigmoid"] as const) {
        const call = () =>
          tf.fused.matMul({ a: random([m, k], 1), b: random([k, n], 2), bias: random([n], 3), activation });
        assertClose(call(), withStock(call), 1e-5, `${m} ${n} ${k} ${activation}`);
      }
    }
  });

  test("works on after the memory has grown", () => {
    const [a, b] = [random([32, 784], 1), random([784, 128], 2)];
    const first = bits(tf.matMul(a, b));
    const before = kernels.backend.wasm.HEAPU8.length;
    const large = tf.zeros([before / 4 + 1000]);
    assert.ok(kernels.backend.wasm.HEAPU8.length > before, "the memory did not grow");
    assert.deepEqual(bits(tf.matMul(a, b)), first);
    large.dispose();
  });
});
