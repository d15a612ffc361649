// The reader of checkpoints and of `_metrics.json`: damaged files, headers that lie, and texts that are wrong although
// the file's SHA-256 is right.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { encodeState, parseState } from "../../src/checkpoint/format.js";
import { parseEntries } from "../../src/checkpoint/metrics-file.js";
import { encodeSafetensors, parseSafetensors } from "../../src/checkpoint/safetensors.js";
import type { RunState, TensorStates } from "../../src/core/state.js";
import { awkwardNumbers, damaged, replaceValue, utf8 } from "./bytes.js";
import type { Target } from "./target.js";

const FILE = "checkpoints/last.safetensors";
const counters = {
  ...{ globalEpochStep: 6, globalBatchStep: 60, globalSampleStep: 2 ** 40, stageEpochStep: 3 },
  ...{ stageBatchStep: 30, stageSampleStep: 300, loaderBatchStep: 4, loaderSampleStep: 5 },
};
const own = { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) } as const;
const state: RunState = {
  model: {
    "dense1/kernel": { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 1e-45, NaN, Infinity) },
    "optimizer/x": { dtype: "I32", shape: [], data: Int32Array.of(7) },
    flags: { dtype: "BOOL", shape: [3], data: Uint8Array.of(0, 1, 1) },
  },
  optimizer: { "dense1/kernel/m": { dtype: "F32", shape: [0], data: new Float32Array() } },
  optimizerSettings: { class: "Adam", numbers: { learningRate: 0.1, centered: false } },
  criterion: { weight: [1, null] },
  scheduler: { step: 3 },
  counters,
  recipe: "mnist",
  stage: "freezed",
  epoch: 3,
  metrics: { train: { loss: 0.3, "f1/class_00": NaN }, valid: { loss: 1 } },
  worldSize: 2,
  loaders: { train: 32, valid: 7 },
  midEpoch: { loader: "train", batches: 5, batchesLeftOut: 1, accumulators: [[1, 2], [3]], loaders: {} },
  stageDone: false,
  callbacks: {
    stopper: { scope: "shared", isJson: true, states: [{ json: { best: 1 }, tensors: {} }] },
    "own/": {
      scope: "rank",
      isJson: false,
      states: [
        { json: null, tensors: { a: own } },
        { json: 1, tensors: {} },
      ],
    },
  },
  history: [{ stage: "freezed", epochs: [{ epoch: 1, seconds: 2 }] }],
};
const whole = new Uint8Array(Buffer.concat(encodeState(state)));
const atEnd = new Uint8Array(Buffer.concat(encodeState({ ...state, midEpoch: null, optimizer: {} })));

const count = fc.oneof(fc.nat({ max: 12 }), fc.constantFrom(-1, 0.5, ...awkwardNumbers));
const name = fc.constantFrom(
  "a",
  "b",
  "__proto__",
  "constructor",
  "optimizer/a",
  "line\nbreak",
  "\u001b[31m",
);
const entry = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      dtype: fc.constantFrom("F32", "I32", "U8", "BOOL", "F64", "toString"),
      shape: fc.array(count, { maxLength: 4 }),
      data_offsets: fc.array(count, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
);
/** A well-formed file, but for what its header says. */
const lies = fc
  .tuple(
    fc.array(fc.tuple(name, entry), { maxLength: 4 }),
    fc.option(fc.jsonValue()),
    fc.uint8Array({ maxLength: 24 }),
  )
  .map(([entries, metadata, data]) => {
    const items = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    if (metadata !== null) items.push(`"__metadata__":${JSON.stringify(metadata)}`);
    const header = utf8(`{${items.join(",")}}`);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    return new Uint8Array(Buffer.concat([length, header, data]));
  });

const { metadata: texts } = parseSafetensors(whole, FILE);
const { sha256: _, ...signedTexts } = texts;
const wrongTexts = fc.dictionary(
  fc.constantFrom(...Object.keys(signedTexts)),
  fc.oneof(
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc.string(),
    fc.constantFrom("-1", "1e999", "[", "null", '{"stage":"x","epochs":null}'),
  ),
);
/** JSON texts with one value inside replaced, so that a reader comes far before it meets the wrong one. */
const almost = fc
  .tuple(fc.constantFrom("counters", "metrics", "progress"), fc.nat({ max: 400 }), fc.jsonValue())
  .map(([key, at, value]) => ({ [key]: replaceValue(signedTexts[key], at, JSON.stringify(value)) }));
/** Files whose texts are wrong on purpose: the SHA-256 is right. */
const forged = fc
  .tuple(fc.oneof(wrongTexts, almost), fc.subarray(Object.keys(signedTexts), { maxLength: 2 }))
  .map(([wrong, missing]) => {
    const kept = Object.entries({ ...signedTexts, ...wrong }).filter(([key]) => !missing.includes(key));
    return sign(Object.fromEntries(kept));
  });

function sign(metadata: Readonly<Record<string, string>>): Uint8Array {
  const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const sha256 = createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
  return new Uint8Array(Buffer.concat(encodeSafetensors({}, { ...metadata, sha256 })));
}

export const checkpoint: Target = {
  name: "checkpoint",
  inputs: fc.oneof(
    { weight: 6, arbitrary: damaged([whole, atEnd, sign(signedTexts)]) },
    { weight: 5, arbitrary: lies },
    { weight: 3, arbitrary: forged },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  ),
  names: /^checkpoints\/last\.safetensors: /,
  read(input) {
    const parsed = parseState(input, FILE);
    checkTensors(parsed.model);
    checkTensors(parsed.optimizer);
    const { recipe, stage, epoch, worldSize, stageDone, midEpoch, history, callbacks } = parsed;
    assert.deepEqual([recipe, stage].map(typeOf), ["string", "string"]);
    for (const value of [epoch, worldSize, ...Object.values(parsed.counters)]) {
      assert.ok(Number.isSafeInteger(value) && value >= 0, `${value} is no count`);
    }
    assert.deepEqual(Object.keys(parsed.counters).sort(), Object.keys(counters).sort());
    assert.equal(typeOf(stageDone), "boolean");
    assert.equal(typeOf(callbacks), "object");
    for (const metrics of Object.values(parsed.metrics)) {
      for (const value of Object.values(metrics)) assert.equal(typeOf(value), "number");
    }
    for (const { stage: key, epochs } of history)
      assert.ok(typeOf(key) === "string" && Array.isArray(epochs));
    assert.ok(
      midEpoch === null ||
        midEpoch.accumulators.every((rank) => rank.every((value) => typeof value === "number")),
    );
    return true;
  },
};

const entryOf = (score: number | null) => ({
  ...{ train: { loss: 1 }, _metric_: "loss", _loader_: "valid", _minimize_: true },
  ...{ _stage_: "freezed", _epoch_: 1, _global_epoch_step_: 1, _score_: score },
});
const listed = JSON.stringify({ best: entryOf(0.5), last: entryOf(null), "freezed.1": entryOf(1) });

export const metricsFile: Target = {
  name: "metrics",
  inputs: fc.oneof(
    damaged([utf8(listed), utf8("{}")]),
    fc.json().map(utf8),
    fc
      .tuple(fc.nat({ max: 40 }), fc.jsonValue())
      .map(([at, value]) => utf8(replaceValue(listed, at, JSON.stringify(value)))),
  ),
  names: /^checkpoints\/_metrics\.json is damaged: /,
  read(input) {
    for (const [key, item] of parseEntries(input, "checkpoints/_metrics.json")) {
      assert.ok(!/[/\\\0]/.test(key), "a name that leads out of the folder");
      const types = [item._metric_, item._stage_, item._epoch_, item._global_epoch_step_, item._minimize_];
      assert.deepEqual(types.map(typeOf), ["string", "string", "number", "number", "boolean"]);
      assert.ok(item._score_ === null || Number.isFinite(item._score_));
    }
    return true;
  },
};

function checkTensors(tensors: TensorStates): void {
  for (const { shape, data } of Object.values(tensors)) {
    assert.equal(
      shape.reduce((product, size) => product * size, 1),
      data.length,
    );
  }
}

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}
