import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { encodeState, parseState, readCheckpoint, readWeights } from "../../../src/checkpoint/format.js";
import { encodeSafetensors, parseSafetensors } from "../../../src/checkpoint/safetensors.js";
import { UsageError } from "../../../src/core/errors.js";
import type { RunState, TensorState } from "../../../src/core/state.js";
import { temporaryFolder } from "../../support/data-files.js";
import { countersAt, stateAt } from "../../support/run-state.js";

const scalar = (value: number): TensorState => ({ dtype: "F32", shape: [], data: Float32Array.of(value) });

const state: RunState = {
  // Names that a naive scheme would mistake for the optimizer's, or for its own escapes.
  model: {
    "dense1/kernel": { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 1e-45, NaN, Infinity) },
    "optimizer/dense1/kernel": scalar(1),
    "model:optimizer/dense1/kernel": scalar(2),
    "model:x": scalar(3),
    __metadata__: scalar(4),
    optimizer: scalar(5),
    __proto__x: scalar(6),
  },
  optimizer: { "dense1/kernel": scalar(7), "optimizer/dense1/kernel": scalar(8), __metadata__: scalar(9) },
  optimizerSettings: { class: "RMSProp", numbers: { learningRate: 0.1, centered: true, decay: NaN } },
  criterion: { weight: [1, 2, null] },
  scheduler: { step: 3, ключ: "✓" },
  counters: countersAt(6, 2 ** 40),
  recipe: 'my "recipe"',
  stage: "freezed",
  epoch: 3,
  metrics: { train: { loss: 0.1 + 0.2, "f1/class_00": NaN }, valid: { loss: -Infinity, accuracy01: 1 } },
  worldSize: 3,
  loaders: { train: 60000 },
  midEpoch: {
    loader: "train",
    batches: 7,
    batchesLeftOut: 1,
    accumulators: [[0.1, NaN], [2], []],
    loaders: {},
  },
  stageDone: false,
  callbacks: {
    stop: { scope: "shared", isJson: true, states: [{ json: { waited: 1, best: null }, tensors: {} }] },
    "own/0": {
      scope: "rank",
      isJson: false,
      states: [1, 2, 3].map((rank) => ({ json: rank, tensors: { "a/b": scalar(rank) } })),
    },
  },
  history: [{ stage: "freezed", epochs: [{ epoch: 1, seconds: 2.5 }] }],
};

test("a state comes back from its file as it went", (t) => {
  const path = join(temporaryFolder(t), "x.safetensors");
  writeFileSync(path, Buffer.concat(encodeState(state)));
  assert.deepEqual(readCheckpoint(path), state);
  assert.deepEqual(Object.keys(readCheckpoint(path).model), Object.keys(state.model), "in the model's order");
});

test("a checkpoint of version 1 still loads: callbacks' JSON, and metrics that lay beside the times", () => {
  const old = readCheckpoint(
    fileURLToPath(new URL("../../fixtures/checkpoint-v1.safetensors", import.meta.url)),
  );
  const train = {
    ...{ seconds: 1, samples: 4, samples_per_second: 4, batches_left_out: 0 },
    metrics: { loss: 0.5, accuracy01: Number.NaN },
  };
  const stop = { scope: "shared", isJson: true, states: [{ json: { best: 1, waited: 2 }, tensors: {} }] };
  assert.equal(old.optimizerSettings, null);
  assert.deepEqual(old.callbacks, { stop });
  assert.deepEqual(old.midEpoch?.loaders, { train });
  assert.equal(old.midEpoch?.batchesLeftOut, 0);
  assert.deepEqual(old.history, [{ stage: "freezed", epochs: [{ epoch: 1, seconds: 2, train }] }]);
  assert.deepEqual(Object.keys(old.optimizer), ["iter", "dense1/kernel/momentum"]);
});

test("the file's names and metadata are what the documentation says", () => {
  const { tensors, metadata } = parseSafetensors(Buffer.concat(encodeState(stateAt("freezed", 2, 0.5))), "f");
  assert.deepEqual(Object.keys(tensors), ["dense1/kernel", "optimizer/dense1/kernel/m"]);
  const { sha256, counters, metrics, ...rest } = metadata;
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.deepEqual(JSON.parse(counters), {
    global_epoch_step: 2,
    global_batch_step: 20,
    global_sample_step: 200,
    stage_epoch_step: 1,
    stage_batch_step: 2,
    stage_sample_step: 3,
    loader_batch_step: 4,
    loader_sample_step: 5,
  });
  assert.deepEqual(JSON.parse(metrics), { train: { loss: 1.5 }, valid: { loss: 0.5, accuracy: 0.5 } });
  assert.deepEqual(rest, {
    format: "ddp-train",
    version: "2",
    optimizer: '{"class":"Adam","numbers":{"learningRate":0.001}}',
    progress: '{"worldSize":2,"loaders":{},"midEpoch":null,"stageDone":false,"callbacks":{},"history":[]}',
    recipe: "mnist",
    stage: "freezed",
    epoch: "2",
    criterion: "null",
    scheduler: "null",
  });
});

test("every single flipped bit is refused, and the file is named", (t) => {
  const path = join(temporaryFolder(t), "flipped.safetensors");
  const bytes = Buffer.concat(encodeState(stateAt("freezed", 2, 0.5)));
  for (let bit = 0; bit < bytes.length * 8; bit += bit < 64 * 8 ? 1 : 5) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    assert.throws(
      () => parseState(bytes, path),
      (error) => error instanceof UsageError && error.message.startsWith(`${path}: `),
      `bit ${bit}`,
    );
    bytes[bit >> 3] ^= 1 << (bit & 7);
  }
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(path, bytes);
  const message = `${path}: damaged: its content does not match the sha256 that was saved with it`;
  assert.throws(() => readCheckpoint(path), { name: "UsageError", message });
  assert.throws(() => readWeights(path), { name: "UsageError", message });
});

test("a copy that another library wrote in another order still fits its sha256", () => {
  const { tensors, metadata } = parseSafetensors(Buffer.concat(encodeState(state)), "f");
  const reversed = <T>(record: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(record).reverse());
  const copy = Buffer.concat(encodeSafetensors(reversed(tensors), reversed(metadata)));
  assert.deepEqual(parseState(copy, "f"), state);
});

test("weights are read from checkpoints and from plain files", (t) => {
  const folder = temporaryFolder(t);
  const checkpoint = join(folder, "checkpoint.safetensors");
  const plain = join(folder, "plain.safetensors");
  writeFileSync(checkpoint, Buffer.concat(encodeState(state)));
  assert.deepEqual(readWeights(checkpoint), state.model);
  writeFileSync(plain, Buffer.concat(encodeSafetensors({ a: scalar(1) }, { format: "pt" })));
  assert.deepEqual(readWeights(plain), { a: scalar(1) });
  assert.throws(() => readCheckpoint(plain), {
    name: "UsageError",
    message: `${plain}: holds plain weights, not a ddp-train checkpoint; start from it with --init-from`,
  });
});

test("a missing file, a folder, and a newer version are the caller's mistakes", (t) => {
  const folder = temporaryFolder(t);
  const missing = join(folder, "none.safetensors");
  for (const read of [readWeights, readCheckpoint]) {
    assert.throws(() => read(missing), { name: "UsageError", message: `no such file: ${missing}` });
    mkdirSync(join(folder, "dir"), { recursive: true });
    assert.throws(() => read(join(folder, "dir")), { name: "UsageError", message: /dir/ });
  }
  const newer = encodeSafetensors({}, { format: "ddp-train", version: "3" });
  assert.throws(() => parseState(Buffer.concat(newer), "new.safetensors"), {
    name: "UsageError",
    message: "new.safetensors: is of checkpoint version 3; this ddp-train reads versions 1 and 2",
  });
});

test("reading leaves nothing of the file's buffer shared with the next reading", (t) => {
  const path = join(temporaryFolder(t), "x.safetensors");
  writeFileSync(path, Buffer.concat(encodeState(stateAt("s", 1, 1))));
  const before = readFileSync(path);
  readCheckpoint(path).model["dense1/kernel"].data.fill(9);
  assert.deepEqual(readCheckpoint(path).model["dense1/kernel"].data, new Float32Array(6).fill(1));
  assert.deepEqual(readFileSync(path), before);
});
