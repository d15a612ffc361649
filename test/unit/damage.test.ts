// Damaged, foreign and forged checkpoints, beyond what checkpoint-*.test.ts and the fuzzing have: every length, real
// sizes, lies about size, and texts that are wrong although the SHA-256 is right.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { encodeState, parseState, readCheckpoint, readWeights } from "../../src/checkpoint/format.js";
import { encodeSafetensors, parseSafetensors } from "../../src/checkpoint/safetensors.js";
import { CheckpointStore } from "../../src/checkpoint/store.js";
import { UsageError } from "../../src/core/errors.js";
import type { RunState } from "../../src/core/state.js";
import { temporaryFolder } from "../support/data-files.js";
import { stateAt } from "../support/run-state.js";

/** Refused by name in one line, within a second, and without memory in proportion to a claim. */
function refuses(read: () => unknown, path: string, message: RegExp): void {
  const memory = process.memoryUsage().arrayBuffers;
  const began = performance.now();
  assert.throws(read, (error: Error) => {
    assert.ok(error instanceof UsageError, error.stack);
    assert.ok(error.message.startsWith(`${path}: `) && !error.message.includes("\n"), error.message);
    assert.match(error.message, message);
    return true;
  });
  assert.ok(performance.now() - began < 1000, "quickly");
  assert.ok(process.memoryUsage().arrayBuffers - memory < 20e6, "no claim allocates");
}

test("a checkpoint cut off at any length is refused", () => {
  const whole = Buffer.concat(encodeState(stateAt("freezed", 2, 0.5)));
  for (let length = 0; length < whole.length; length++) {
    refuses(() => parseState(whole.subarray(0, length), "cut"), "cut", /not a valid safetensors file/);
  }
  refuses(() => parseState(Buffer.concat([whole, Buffer.of(0)]), "long"), "long", /1 bytes after the last/);
});

test("a file of real size is refused by every way to read it, cut off in each of its parts", (t) => {
  const state: RunState = {
    ...stateAt("freezed", 1, 0.5),
    model: { kernel: { dtype: "F32", shape: [784, 128], data: new Float32Array(784 * 128).fill(0.1) } },
  };
  const whole = Buffer.concat(encodeState(state));
  const header = 8 + Number(whole.readBigUInt64LE());
  const folder = temporaryFolder(t);
  const path = join(folder, "last.safetensors");
  for (const length of [
    0,
    1,
    7,
    8,
    9,
    header >> 1,
    header,
    header + 1,
    whole.length >> 1,
    whole.length - 1,
  ]) {
    writeFileSync(path, whole);
    truncateSync(path, length);
    const message = /not a valid safetensors file/;
    refuses(() => readCheckpoint(path), path, message);
    refuses(() => readWeights(path), path, message);
    refuses(() => new CheckpointStore(folder).load("last"), path, message);
  }
});

test("zeros, as a crash of the machine may leave them, are refused", (t) => {
  const path = join(temporaryFolder(t), "zeros.safetensors");
  for (const length of [1, 8, 4096, 400_000]) {
    writeFileSync(path, new Uint8Array(length));
    refuses(() => readCheckpoint(path), path, /too few|does not begin with \{/);
  }
});

test("a sparse file that claims a header of its whole length is not parsed", (t) => {
  const path = join(temporaryFolder(t), "sparse.safetensors");
  const claim = Buffer.alloc(8);
  claim.writeBigUInt64LE(150_000_000n);
  writeFileSync(path, claim);
  truncateSync(path, 150_000_008);
  assert.throws(() => readWeights(path), /header of 150000000 bytes is over 100000000/);
});

test("headers that claim more than there is", () => {
  for (const claimed of [2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    const bytes = Buffer.alloc(64);
    bytes.writeBigUInt64LE(claimed);
    refuses(() => parseState(bytes, "lie"), "lie", new RegExp(`claims ${claimed} bytes, but only 56 follow`));
  }
  for (const size of [2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    const entry = { dtype: "F32", shape: [size], data_offsets: [0, size * 4] };
    refuses(() => parseState(fileOf({ a: entry }, 8), "lie"), "lie", /"a"/);
    const wide = { dtype: "U8", shape: Array(1000).fill(size), data_offsets: [0, 8] };
    refuses(() => parseState(fileOf({ a: wide }, 8), "lie"), "lie", /"a", U8 of shape .* is given 8/);
  }
});

test("names out of a file cannot write to the terminal, nor at length", () => {
  const names = ["line\nbreak", "\u001b[2Jcleared", "\u202eturned", "x".repeat(1_000_000)];
  for (const name of names) {
    refuses(() => parseState(fileOf({ [name]: null }, 0), "f"), "f", /^[^\p{Cc}\p{Bidi_C}]{1,2100}$/u);
  }
});

test("many tensors and texts are read, or refused, in time that grows with them", () => {
  const metadata = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`key${i}`, ""]));
  const many = parseSafetensors(Buffer.concat(encodeSafetensors({}, metadata)), "many");
  assert.equal(Object.keys(many.metadata).length, 200_000);
  const empty = { dtype: "U8", shape: [0], data_offsets: [0, 0] };
  const entries = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`t${i}`, empty]));
  assert.equal(Object.keys(parseSafetensors(fileOf(entries, 0), "many").tensors).length, 50_000);
  refuses(() => parseSafetensors(fileOf(`${"[".repeat(100_000)}`, 0), "deep"), "deep", /not begin with/);
  const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  refuses(() => parseSafetensors(fileOf(deep, 0), "deep"), "deep", /"a" is not described/);
});

test("files of other libraries and formats are named for what they are", (t) => {
  const path = join(temporaryFolder(t), "foreign");
  const half = { w: { dtype: "F16", shape: [2], data_offsets: [0, 4] } };
  const foreign: readonly [Uint8Array, RegExp][] = [
    [fileOf(half, 4), /dtype F16; only F32, I32, U8, BOOL/],
    [fileOf({ __metadata__: { format: "pt" } }, 0), /plain weights, not a ddp-train checkpoint.*--init-from/],
    [Buffer.from("PK\x03\x04 a PyTorch file is a zip archive"), /not a valid safetensors file/],
    [Buffer.from("\x89HDF\r\n\x1a\n a Keras file"), /not a valid safetensors file/],
    [Buffer.from('{"modelTopology": {}, "weightsManifest": []}'), /not a valid safetensors file/],
    [Buffer.from("GGUF\x03\0\0\0 a llama.cpp file"), /not a valid safetensors file/],
  ];
  for (const [bytes, message] of foreign) {
    writeFileSync(path, bytes);
    refuses(() => readCheckpoint(path), path, message);
  }
});

test("texts that are wrong on purpose are refused, although their SHA-256 is right", (t) => {
  const whole = Buffer.concat(encodeState(stateAt("freezed", 2, 0.5)));
  const { sha256: _, ...texts } = parseSafetensors(whole, "f").metadata;
  const counters = JSON.parse(texts.counters);
  const progress = JSON.parse(texts.progress);
  const withProgress = (changes: object) => ({ progress: JSON.stringify({ ...progress, ...changes }) });
  const wrong: readonly (readonly [Record<string, string | undefined>, RegExp])[] = [
    [{ recipe: undefined }, /it has no recipe/],
    [{ stage: undefined }, /it has no stage/],
    [{ epoch: "two" }, /its epoch is NaN/],
    [{ epoch: "-1" }, /its epoch is -1/],
    [{ epoch: undefined }, /its epoch is NaN/],
    [{ criterion: "{" }, /unreadable checkpoint metadata/],
    [{ metrics: "null" }, /unreadable checkpoint metadata/],
    [{ counters: "[]" }, /its global_epoch_step is undefined/],
    [{ counters: JSON.stringify({ ...counters, stage_batch_step: 1.5 }) }, /its stage_batch_step is 1.5/],
    [{ progress: undefined }, /unreadable checkpoint metadata/],
    [{ progress: "[1]" }, /progress is not an object/],
    [withProgress({ worldSize: 0 }), /its worldSize is wrong/],
    [withProgress({ stageDone: "no" }), /its stageDone is wrong/],
    [withProgress({ midEpoch: { loader: "train", batches: -1 } }), /its midEpoch is wrong/],
    [withProgress({ history: [{ stage: "x", epochs: null }] }), /its history is wrong/],
    [withProgress({ callbacks: [] }), /its callbacks is wrong/],
  ];
  for (const [changes, message] of wrong) {
    refuses(() => parseState(signed(texts, changes), "forged"), "forged", message);
  }
  const path = join(temporaryFolder(t), "right");
  writeFileSync(path, signed(texts, { stage: "other" }));
  assert.equal(readCheckpoint(path).stage, "other", "the signature of this test is right");
});

test("what a checkpoint does not have a place for does not come out of it", () => {
  const whole = Buffer.concat(encodeState(stateAt("freezed", 2, 0.5)));
  const { sha256: _, ...texts } = parseSafetensors(whole, "f").metadata;
  const progress = JSON.stringify({
    ...JSON.parse(texts.progress),
    ...{ model: { evil: 1 }, counters: {}, stage: 7, extra: true },
  });
  const state = parseState(signed(texts, { progress }), "f");
  assert.deepEqual(state, { ...stateAt("freezed", 2, 0.5), model: {}, optimizer: {} });
});

/** A checkpoint of these texts and no tensors, with the SHA-256 that fits. */
function signed(
  texts: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string | undefined>>,
): Uint8Array {
  const changed = Object.entries({ ...texts, ...changes }).filter((entry) => entry[1] !== undefined);
  const metadata = Object.fromEntries(changed) as Record<string, string>;
  const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const sha256 = createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
  return Buffer.concat(encodeSafetensors({}, { ...metadata, sha256 }));
}

function fileOf(header: unknown, dataBytes: number): Uint8Array {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const file = Buffer.alloc(8 + text.length + dataBytes);
  file.writeBigUInt64LE(BigInt(text.length));
  file.set(text, 8);
  return file;
}
