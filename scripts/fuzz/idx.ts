// The reader of IDX files, plain and gzipped.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { parseIdx, unpackIdx } from "../../src/data/idx.js";
import { awkwardNumbers, damaged } from "./bytes.js";
import type { Target } from "./target.js";

const FILE = "data/train-images-idx3-ubyte";

/** A header that says anything, over a few bytes. */
const lies = fc
  .tuple(
    fc.constantFrom(8, 8, 8, 9, 13),
    fc.array(fc.oneof(fc.nat({ max: 9 }), fc.constantFrom(...awkwardNumbers)), {
      maxLength: 255,
      size: "medium",
    }),
    fc.uint8Array({ maxLength: 64 }),
  )
  .map(([type, shape, data]) => encode(type, shape, data));

function encode(type: number, shape: readonly number[], data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, type, shape.length]);
  for (const [d, size] of shape.entries()) header.writeUInt32BE(size % 2 ** 32, 4 + 4 * d);
  return new Uint8Array(Buffer.concat([header, data]));
}

const whole = [
  encode(8, [4, 6], new Uint8Array(24).fill(3)),
  encode(8, [7], new Uint8Array(7)),
  encode(8, [1, 28, 28], new Uint8Array(784).fill(200)),
  encode(8, [0, 28, 28], new Uint8Array(0)),
];
const overflowing = encode(8, [...new Array<number>(40).fill(2 ** 32 - 1), 0], new Uint8Array(1000));
const zipped = [...whole, overflowing].map((bytes) => new Uint8Array(gzipSync(bytes)));

/** Zipping costs more than all else, so few inputs are zipped. */
const inputs = fc.oneof(
  { weight: 12, arbitrary: damaged(whole) },
  { weight: 12, arbitrary: lies },
  { weight: 2, arbitrary: damaged(zipped, 2) },
  { weight: 1, arbitrary: lies.map((bytes) => new Uint8Array(gzipSync(bytes, { level: 1 }))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
);

export const idx: Target = {
  name: "idx",
  inputs,
  names: /^data\/train-images-idx3-ubyte /,
  read(input) {
    const { shape, data } = parseIdx(FILE, unpackIdx(FILE, input));
    assert.equal(
      shape.reduce((product, size) => product * size, 1),
      data.length,
    );
    return true;
  },
};
