import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { readWeights } from "../../../src/checkpoint/format.js";
import { encodeSafetensors, parseSafetensors } from "../../../src/checkpoint/safetensors.js";
import { UsageError } from "../../../src/core/errors.js";
import type { TensorDtype, TensorState } from "../../../src/core/state.js";
import { temporaryFolder } from "../../support/data-files.js";
import { parityFile } from "../../support/golden.js";
import { runPython, skipWithoutPython } from "../../support/python.js";

const tensor: fc.Arbitrary<TensorState> = fc
  .record({
    dtype: fc.constantFrom<TensorDtype[]>("F32", "I32", "U8", "BOOL"),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
    seed: fc.integer(),
  })
  .map(({ dtype, shape, seed }) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const values = Array.from({ length }, (_, i) => (seed + i * 7) | 0);
    if (dtype === "F32") return { dtype, shape, data: Float32Array.from(values, (v) => v / 3) };
    if (dtype === "I32") return { dtype, shape, data: Int32Array.from(values) };
    return { dtype, shape, data: Uint8Array.from(values, (v) => (dtype === "BOOL" ? v & 1 : v)) };
  });
const name = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("__proto__", "constructor", 'a"b\\', "dense1/kernel"),
);
const tensorMap = fc
  .uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key, maxLength: 6 })
  .map((entries) => Object.fromEntries(entries.filter(([key]) => key !== "__metadata__")));
const metadataMap = fc
  .uniqueArray(fc.tuple(name, fc.string({ unit: "grapheme" })), { selector: ([key]) => key, maxLength: 4 })
  .map((entries) => Object.fromEntries(entries));

test("any tensors and metadata come back as they went, in their order", () => {
  fc.assert(
    fc.property(tensorMap, metadataMap, fc.nat({ max: 7 }), (tensors, metadata, shift) => {
      const file = Buffer.concat(encodeSafetensors(tensors, metadata));
      // Bytes that came over a network may begin anywhere.
      const moved = Buffer.alloc(file.length + shift).subarray(shift);
      moved.set(file);
      const content = parseSafetensors(moved, "file");
      assert.deepEqual(content, { tensors, metadata });
      assert.deepEqual(Object.keys(content.tensors), Object.keys(tensors));
    }),
    { numRuns: 200 },
  );
});

test("data begin at a multiple of 8, and four-byte items lie at multiples of 4", () => {
  const flag: TensorState = { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) };
  const kernel: TensorState = { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) };
  const [header, ...parts] = encodeSafetensors({ flag, kernel });
  assert.equal(header.length % 8, 0);
  assert.equal(new DataView(header.buffer).getBigUint64(0, true), BigInt(header.length - 8));
  const fields = JSON.parse(new TextDecoder().decode(header.subarray(8)));
  assert.deepEqual(fields.kernel.data_offsets, [0, 8]);
  assert.deepEqual(fields.flag.data_offsets, [8, 11]);
  assert.equal(parts[0].buffer, kernel.data.buffer, "data are passed on, not copied");
  const file = new Uint8Array(Buffer.concat([header, ...parts]));
  const parsed = parseSafetensors(file, "f").tensors;
  assert.deepEqual(parsed, { flag, kernel });
  assert.equal(parsed.kernel.data.buffer, file.buffer, "nor are they on the way back");
});

test("data that do not fit their dtype or shape are not written", () => {
  const bad = { dtype: "F32", shape: [3], data: new Float32Array(2) } as const;
  assert.throws(
    () => encodeSafetensors({ bad }),
    /"bad".*needs a Float32Array of 3 items, got a Float32Array of 2/,
  );
  const wrong = { dtype: "F32", shape: [2], data: new Int32Array(2) } as const;
  assert.throws(() => encodeSafetensors({ wrong }), /"wrong".*got a Int32Array/);
  assert.throws(() => encodeSafetensors({ __metadata__: { ...bad, shape: [2] } }), /__metadata__/);
});

const a = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
const damages: readonly [what: string, header: unknown, dataBytes: number, message: RegExp][] = [
  ["an unknown dtype", { a: { ...a, dtype: "F16" } }, 8, /"a" has dtype F16; only F32, I32, U8, BOOL/],
  ["a dtype of Object's own", { a: { ...a, dtype: "toString" } }, 8, /"a" has dtype toString/],
  ["no dtype", { a: { shape: [2], data_offsets: [0, 8] } }, 8, /"a" has no dtype/],
  ["a negative shape", { a: { ...a, shape: [-2] } }, 8, /"a" has no shape/],
  ["a broken shape", { a: { ...a, shape: [1.5] } }, 8, /"a" has no shape/],
  ["a shape of text", { a: { ...a, shape: "2" } }, 8, /"a" has no shape/],
  [
    "a shape that overflows",
    { a: { ...a, shape: [2 ** 40, 2 ** 40] } },
    8,
    /"a".*takes \S+ bytes but is given 8/,
  ],
  [
    "size other than shape",
    { a: { ...a, shape: [3] } },
    8,
    /"a", F32 of shape \[3\], takes 12 bytes but is given 8/,
  ],
  ["a negative offset", { a: { ...a, data_offsets: [-8, 0] } }, 8, /"a" has no data_offsets/],
  ["one offset", { a: { ...a, data_offsets: [0] } }, 8, /"a" has no data_offsets/],
  ["offsets in reverse", { a: { ...a, data_offsets: [8, 0] } }, 8, /"a" lies at bytes 8 to 0/],
  ["data beyond the end", { a }, 7, /"a" lies at bytes 0 to 8 of 7/],
  [
    "far beyond the end",
    { a: { ...a, data_offsets: [0, 2 ** 50], shape: [2 ** 48] } },
    8,
    /"a" lies at bytes 0/,
  ],
  ["an overlap", { a, b: { ...a, data_offsets: [4, 12] } }, 12, /"b" overlaps.* at byte 4/],
  ["the same bytes twice", { a, b: a }, 8, /"b" overlaps/],
  [
    "a hole",
    { a, b: { ...a, data_offsets: [12, 20] } },
    20,
    /bytes 8 to 12, before tensor "b", belong to no/,
  ],
  ["a hole in front", { a: { ...a, data_offsets: [4, 12] } }, 12, /bytes 0 to 4/],
  ["trailing bytes", { a }, 12, /4 bytes after the last tensor/],
  ["data without a tensor", {}, 1, /1 bytes after the last tensor/],
  ["metadata that are no map", { __metadata__: "x" }, 0, /__metadata__ is not an object/],
  ["metadata that are no strings", { __metadata__: { epoch: 1 } }, 0, /__metadata__ "epoch" is not a string/],
  ["a tensor that is no object", { a: [] }, 0, /"a" is not described/],
  ["a tensor that is null", { a: null }, 0, /"a" is not described/],
];
for (const [what, header, dataBytes, message] of damages) {
  test(`refuses ${what}`, () => refuses(fileOf(JSON.stringify(header), dataBytes), message));
}

test("refuses headers that lie about their length, and headers that are no JSON object", () => {
  refuses(new Uint8Array(7), /7 bytes are too few/);
  refuses(new Uint8Array(), /0 bytes are too few/);
  refuses(new Uint8Array(8).fill(0xff), /claims 18446744073709551615 bytes, but only 0 follow/);
  refuses(fileOf("{}", 0, 3n), /claims 3 bytes, but only 2 follow/);
  refuses(fileOf("{}", 0, 0n), /does not begin with \{/);
  refuses(fileOf("[]", 0), /does not begin with \{/);
  refuses(fileOf(" {}", 0), /does not begin with \{/);
  refuses(fileOf("{", 0), /not valid JSON/);
  refuses(fileOf('{"a":1', 0), /not valid JSON/);
  refuses(fileOf("{}garbage", 0), /not valid JSON/);
  const latin1 = fileOf('{"__metadata__":{"a":"?"}}', 0);
  latin1[latin1.indexOf(0x3f)] = 0xe9;
  refuses(latin1, /not valid JSON in UTF-8/);
});

test("refuses a name that is there twice, however it is spelled", () => {
  const one = JSON.stringify(a);
  refuses(fileOf(`{"a":${one},"a":${one}}`, 8), /names "a" twice/);
  refuses(fileOf(`{"a":${one}, "\\u0061" : ${one}}`, 8), /names "a" twice/);
  refuses(fileOf('{"__metadata__":{"k":"1","k":"2"}}', 0), /names "k" twice/);
  const fine =
    '{"__metadata__":{"k":"\\"k\\":","l":"{"},"k":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}';
  assert.deepEqual(parseSafetensors(fileOf(fine, 0), "f").metadata, { k: '"k":', l: "{" });
});

test("reads megabytes of metadata", () => {
  const metadata = { text: "x\\\n".repeat(2_000_000) };
  assert.deepEqual(parseSafetensors(Buffer.concat(encodeSafetensors({}, metadata)), "f"), {
    tensors: {},
    metadata,
  });
});

test("damaged bytes are refused or read, but never break the parser", () => {
  const file = Buffer.concat(
    encodeSafetensors({ k: { dtype: "F32", shape: [2, 2], data: new Float32Array(4) } }, { format: "x" }),
  );
  const damage = fc.record({ at: fc.nat({ max: file.length - 1 }), byte: fc.nat({ max: 255 }) });
  fc.assert(
    fc.property(
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      fc.nat({ max: file.length }),
      (hits, length) => {
        const bytes = Uint8Array.from(file.subarray(0, length));
        for (const { at, byte } of hits) if (at < length) bytes[at] = byte;
        try {
          parseSafetensors(bytes, "f");
        } catch (error) {
          assert.ok(error instanceof UsageError, String(error));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

const golden = parityFile("ddp-2-init.safetensors");
test("reads weights that PyTorch's safetensors wrote", { skip: golden.skip }, () => {
  const weights = readWeights(golden.path);
  const shapes = Object.entries(weights).map(([key, { shape }]) => [key, shape]);
  assert.deepEqual(shapes, [
    ["dense1/kernel", [784, 128]],
    ["dense1/bias", [128]],
    ["dense2/kernel", [128, 10]],
    ["dense2/bias", [10]],
  ]);
  // Uniform in ±1/sqrt(fan in), as torch's Linear starts.
  assert.ok(weights["dense1/kernel"].data.every((value) => Math.abs(value) <= 1 / 28));
  assert.ok(new Set(weights["dense1/kernel"].data).size > 50_000);
  // The library pads and orders as this project does: the very same bytes after the header.
  const parts = encodeSafetensors(weights);
  const bytes = readFileSync(golden.path);
  const data = Buffer.concat(parts.slice(1));
  assert.ok(data.equals(bytes.subarray(bytes.length - data.length)));
});

test("the safetensors library reads what is written here", {
  skip: skipWithoutPython("safetensors", "numpy"),
}, (t) => {
  const path = join(temporaryFolder(t), "x.safetensors");
  const tensors = {
    flag: { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) },
    kernel: { dtype: "F32", shape: [1, 2], data: Float32Array.of(0.5, -2) },
    step: { dtype: "I32", shape: [], data: Int32Array.of(7) },
  } as const;
  writeFileSync(path, Buffer.concat(encodeSafetensors(tensors, { recipe: "mnist" })));
  const program = `
import json, sys
from safetensors import safe_open
f = safe_open(sys.argv[1], "numpy")
print(json.dumps([f.metadata(), {k: f.get_tensor(k).tolist() for k in f.keys()}]))`;
  assert.deepEqual(runPython(program, path), [
    { recipe: "mnist" },
    { flag: [true, false, true], kernel: [[0.5, -2]], step: 7 },
  ]);
});

function fileOf(header: string, dataBytes: number, claimed?: bigint): Uint8Array {
  const text = Buffer.from(header);
  const file = Buffer.alloc(8 + text.length + dataBytes);
  file.writeBigUInt64LE(claimed ?? BigInt(text.length));
  file.set(text, 8);
  return file;
}

function refuses(bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => parseSafetensors(bytes, "some/file.safetensors"),
    (error) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, /^some\/file\.safetensors: /);
      assert.match(error.message, message);
      return true;
    },
  );
}
