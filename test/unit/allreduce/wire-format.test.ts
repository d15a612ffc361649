// 16-bit wires: the formats against all their numbers, the same bits over both transports, and the stated tolerance.
import assert from "node:assert/strict";
import { test } from "node:test";
import { wireFormat } from "../../../src/allreduce/formats/wire-format.js";
import type { ProcessGroup, ReduceOp, Wire } from "../../../src/core/process-group.js";
import { Mt19937 } from "../../../src/core/random.js";
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from "../../support/float16.js";
import { rejections, withRing } from "../../support/ring.js";

/** Relative error of one rounding, and its absolute error near 0. */
const FORMATS = {
  fp16: { encode: toFloat16, decode: fromFloat16, u: 2 ** -11, tiny: 2 ** -25, infinity: 0x7c00 },
  bf16: { encode: toBfloat16, decode: fromBfloat16, u: 2 ** -8, tiny: 2 ** -134, infinity: 0x7f80 },
} as const;
const NAMES = ["fp16", "bf16"] as const;

for (const name of NAMES) {
  const { encode, decode, infinity } = FORMATS[name];

  test(`${name}: each of the 65536 numbers comes back as it was, and NaN as NaN`, () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = decode(bits);
      if ((bits & 0x7fff) > infinity) assert.ok(Number.isNaN(value) && Number.isNaN(decode(encode(value))));
      else assert.equal(encode(value), bits);
    }
    assert.equal(decode(infinity), Number.POSITIVE_INFINITY);
    assert.equal(decode(0x8000), -0);
  });

  test(`${name}: a number between two neighbours goes to the nearer one, from the middle to the even one`, () => {
    for (let bits = 0; bits < infinity - 1; bits++) {
      const [low, high] = [decode(bits), decode(bits + 1)];
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      for (const sign of [1, -1]) {
        const mark = sign < 0 ? 0x8000 : 0;
        assert.equal(encode(sign * middle), even | mark, `${sign * middle}`);
        // Float32's neighbours of the middle.
        const step = Math.max(2 ** -149, Math.abs(middle) * 2 ** -23);
        if (middle - step > low) assert.equal(encode(sign * (middle - step)), bits | mark);
        if (middle + step < high) assert.equal(encode(sign * (middle + step)), (bits + 1) | mark);
      }
    }
  });
}

test("what is too large becomes infinite: fp16 from 65520 on, bf16 where float32 does", () => {
  assert.equal(fromFloat16(toFloat16(65519)), 65504);
  assert.equal(fromFloat16(toFloat16(-65520)), Number.NEGATIVE_INFINITY);
  assert.equal(fromBfloat16(toBfloat16(1e38)) > 0.99e38, true);
  assert.equal(fromBfloat16(toBfloat16(1e39)), Number.POSITIVE_INFINITY);
});

/** Bits of numbers of all kinds, those of 16 bits' range most often, and each number of 16 bits among them. */
function numbers(name: "fp16" | "bf16"): Float32Array {
  const twister = new Mt19937(1);
  const random = Uint32Array.from({ length: 300_000 }, (_, i) => {
    const bits = twister.next();
    return i % 3 === 0 ? bits : (bits & 0x807fffff) | ((100 + (i % 32)) << 23);
  });
  const all = Float32Array.from({ length: 65536 }, (_, bits) => FORMATS[name].decode(bits));
  return Float32Array.from([...new Float32Array(random.buffer), ...all]);
}

/** To the sign of a zero, but any NaN is as good as another. */
function assertSame(actual: Float32Array, expected: Float32Array): void {
  assert.equal(actual.length, expected.length);
  const wrong = actual.findIndex((value, i) => !Object.is(value, expected[i]));
  assert.equal(actual[wrong], expected[wrong], `value ${wrong}`);
}

const HALF_NAN = { fp16: 0x7e00, bf16: 0x7fc0 } as const;

for (const name of NAMES) {
  const { encode, decode, infinity } = FORMATS[name];
  /** All NaN alike. */
  const plain = (bits: number) => ((bits & 0x7fff) > infinity ? HALF_NAN[name] : bits);
  const rounded = (value: number) => decode(encode(value));

  test(`${name}: SIMD rounds, packs, unpacks and adds to the bits of the plain conversions`, () => {
    const format = wireFormat(name);
    const values = numbers(name);
    const packed = format.pack(values) as Uint16Array;
    assert.deepEqual(packed.map(plain), Uint16Array.from(values, encode).map(plain));
    const unpacked = new Float32Array(values.length);
    format.unpack(packed, unpacked);
    assertSame(unpacked, Float32Array.from(packed, decode));
    const third = values.slice();
    assert.equal(format.prepare(third, 1 / 3), 1);
    assertSame(
      third,
      Float32Array.from(values, (value) => rounded(value * Math.fround(1 / 3))),
    );
    const others = unpacked.toReversed();
    const sums = Float32Array.from(unpacked, (value, i) => rounded(value + others[i]));
    const added = unpacked.slice();
    format.add(added, format.pack(others), 1);
    assertSame(added, sums);
    const addedTo = packed.slice();
    format.addTo(addedTo, others, 0, 1);
    assert.deepEqual(addedTo.map(plain), Uint16Array.from(sums, encode).map(plain));
  });

  test(`${name}: any length and offset`, () => {
    const format = wireFormat(name);
    for (const length of [0, 1, 7, 8, 9, 4095, 4096, 4097, 10_001]) {
      const values = Float32Array.from({ length: length + 3 }, (_, i) => rounded(Math.sin(i)));
      const packed = format.pack(values.subarray(1, length + 1));
      format.addTo(packed, values, 3, 1);
      const sums = new Float32Array(length);
      format.unpack(packed, sums);
      assert.deepEqual(
        sums,
        Float32Array.from({ length }, (_, i) => rounded(values[i + 1] + values[i + 3])),
      );
    }
  });
}

/** Awkward for 16 bits: many magnitudes, both signs. */
function values(length: number, rank: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898 + rank * 78.233) * 10 ** ((i % 9) - 6));
}

async function reduced(
  groups: readonly ProcessGroup[],
  length: number,
  op: ReduceOp,
  wire: Wire,
): Promise<Float32Array[]> {
  const data = groups.map(({ rank }) => values(length, rank));
  await Promise.all(groups.map((group, i) => group.allReduce(data[i], op, wire)));
  return data;
}

for (const worldSize of [1, 2, 3, 4, 8]) {
  test(`${worldSize} ranks: both transports give the same bits, within the tolerance`, () =>
    withRing(worldSize, async (memory) => {
      await withRing(
        worldSize,
        async (sockets) => {
          // Whole, in chunks, and in several pieces a chunk.
          for (const length of [0, 1, worldSize + 1, 8193, 70001, worldSize === 4 ? 600_007 : 20_011]) {
            for (const wire of NAMES) {
              for (const op of ["sum", "mean"] as const) {
                const [first, ...others] = await reduced(memory, length, op, wire);
                for (const other of [...others, ...(await reduced(sockets, length, op, wire))]) {
                  assert.deepEqual(new Uint8Array(other.buffer), new Uint8Array(first.buffer));
                }
                assertWithin(first, worldSize, op, wire);
              }
            }
          }
        },
        { transport: "zmq" },
      );
    }));
}

/** The bound that wire-format.ts states; one rank alone has nothing to round. */
function assertWithin(result: Float32Array, worldSize: number, op: ReduceOp, wire: "fp16" | "bf16"): void {
  const { u, tiny } = FORMATS[wire];
  const parts = Array.from({ length: worldSize }, (_, rank) => values(result.length, rank));
  const scale = op === "mean" ? 1 / worldSize : 1;
  for (let i = 0; i < result.length; i++) {
    let [exact, sizes] = [0, 0];
    for (const part of parts) {
      exact += part[i] * scale;
      sizes += Math.abs(part[i]) * scale;
    }
    const bound = worldSize === 1 ? 0 : 1.02 * worldSize * (u * sizes + tiny);
    const error = Math.abs(result[i] - exact);
    if (!(error <= bound))
      assert.fail(`${wire} ${op}, value ${i}: ${result[i]} for ${exact}, error ${error}`);
  }
}

test("ranks with different wires get an error that names both", () =>
  withRing(2, async (groups) => {
    const data = groups.map(() => new Float32Array(10));
    const errors = await rejections([
      groups[0].allReduce(data[0], "mean"),
      groups[1].allReduce(data[1], "mean", "bf16"),
    ]);
    for (const { message } of errors)
      assert.match(message, /mean of 10 values( as bf16)?.*mean of 10 values/);
  }));
