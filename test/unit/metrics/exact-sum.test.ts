// Sums without rounding: against rational arithmetic, in any order, shared out in any way.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ExactSum, quotient } from "../../../src/metrics/exact-sum.js";

function sumOf(values: readonly number[]): { sum: ExactSum; cells: Float64Array } {
  const cells = new Float64Array(ExactSum.size);
  const sum = new ExactSum(cells);
  for (const value of values) sum.add(value);
  return { sum, cells };
}

/** In units of 2^-1074, of which every float64 is a whole number. */
function exactly(value: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const [sign, exponent] = [bits.getUint8(0) >> 7, (bits.getUint16(0) >> 4) & 0x7ff];
  const fraction = bits.getBigUint64(0) & (2n ** 52n - 1n);
  const size = exponent === 0 ? fraction : (fraction + 2n ** 52n) << BigInt(exponent - 1);
  return sign ? -size : size;
}

const float32 = fc.float({ noNaN: true, noDefaultInfinity: true });
const squares = fc.tuple(float32, fc.boolean()).map(([x, negative]) => (negative ? -x * x : x * x));

test("a sum of float32 numbers and of their squares has every bit", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(float32, squares), { maxLength: 40 }), (values) => {
      const expected = values.reduce((total, value) => total + exactly(value), 0n);
      assert.equal(sumOf(values).sum.scaled << 762n, expected);
    }),
  );
});

test("ranks' cells add up to the whole's, however the numbers are shared out", () => {
  const dealt = fc.array(fc.tuple(fc.oneof(float32, squares), fc.nat(2)), { maxLength: 60 });
  fc.assert(
    fc.property(dealt, (numbers) => {
      const total = new Float64Array(ExactSum.size);
      for (const rank of [0, 1, 2]) {
        const share = numbers.filter(([, owner]) => owner === rank).map(([value]) => value);
        sumOf(share).cells.forEach((cell, i) => {
          total[i] += cell;
        });
      }
      const whole = sumOf(numbers.map(([value]) => value)).sum;
      assert.equal(new ExactSum(total).scaled, whole.scaled);
    }),
  );
});

test("numbers that cancel leave what is small", () => {
  assert.equal(sumOf([1e30, 1, -1e30]).sum.dividedBy(1), 1);
  assert.equal(sumOf([2 ** 60, 2 ** -60, -(2 ** 60)]).sum.dividedBy(1), 2 ** -60);
  const tenth = sumOf(Array(10).fill(0.1)).sum.dividedBy(10);
  assert.equal(tenth, 0.1, "ten times what 0.1 is, divided by ten");
});

test("what is not finite makes the sum so; no numbers have no mean", () => {
  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
  assert.equal(sumOf([1, nan]).sum.dividedBy(2), nan);
  assert.equal(sumOf([infinity, 1]).sum.dividedBy(2), infinity);
  assert.equal(sumOf([infinity, -infinity]).sum.dividedBy(2), nan);
  assert.equal(sumOf([]).sum.dividedBy(0), nan);
});

test("a quotient is the nearest number, as a division of numbers that are exact", () => {
  const whole = fc.maxSafeInteger();
  fc.assert(
    fc.property(
      whole,
      whole.filter((below) => below > 0),
      (above, below) => {
        assert.equal(quotient(BigInt(above), BigInt(below)) + 0, above / below + 0);
      },
    ),
  );
  assert.equal(quotient(2n ** 200n + 1n, 2n ** 200n), 1);
  assert.equal(quotient(1n, 3n * 2n ** 300n), 1 / 3 / 2 ** 300);
});
