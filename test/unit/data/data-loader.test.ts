// Batches: what a dataset gives for indices, and how a loader cuts them.
import assert from "node:assert/strict";
import { test } from "node:test";
import "@tensorflow/tfjs-backend-cpu";
import { scalar, type Tensor } from "@tensorflow/tfjs-core";
import { UsageError } from "../../../src/core/errors.js";
import type { Dataset } from "../../../src/core/loader.js";
import { DataLoader } from "../../../src/data/data-loader.js";
import { ImageDataset } from "../../../src/data/image-dataset.js";

/** Records the indices that it is asked for. */
class Recorder implements Dataset {
  readonly length: number;
  readonly asked: number[][] = [];
  constructor(length: number) {
    this.length = length;
  }
  collate(indices: Int32Array): Tensor[] {
    this.asked.push([...indices]);
    return [scalar(0)];
  }
}

test("without a sampler all samples come in order, the last batch smaller", () => {
  const dataset = new Recorder(7);
  const loader = new DataLoader(dataset, { batchSize: 3 });
  assert.deepEqual([loader.length, loader.samples, loader.batchSize], [3, 7, 3]);
  assert.equal([...loader].length, 3);
  assert.deepEqual(dataset.asked, [[0, 1, 2], [3, 4, 5], [6]]);
});

test("dropLast leaves out what is not a full batch", () => {
  const dataset = new Recorder(7);
  const loader = new DataLoader(dataset, { batchSize: 3, dropLast: true });
  assert.deepEqual([loader.length, loader.samples], [2, 6]);
  assert.equal([...loader].length, 2);
  assert.deepEqual(dataset.asked.flat(), [0, 1, 2, 3, 4, 5]);
});

test("a sampler chooses, anew at each pass", () => {
  const dataset = new Recorder(10);
  let pass = 0;
  const sampler = { length: 3, indices: () => Int32Array.from(pass++ === 0 ? [9, 1, 4] : [2, 8, 0]) };
  const loader = new DataLoader(dataset, { batchSize: 2, sampler });
  assert.deepEqual([loader.length, loader.samples, loader.sampler], [2, 3, sampler]);
  assert.equal([...loader].length + [...loader].length, 4);
  assert.deepEqual(dataset.asked, [[9, 1], [4], [2, 8], [0]]);
});

test("an empty share is no batches", () => {
  for (const dropLast of [false, true]) {
    const loader = new DataLoader(new Recorder(0), { batchSize: 2, dropLast });
    assert.deepEqual([loader.length, loader.samples, [...loader].length], [0, 0, 0]);
  }
});

test("a batch size that is not a positive integer is refused", () => {
  for (const batchSize of [0, -1, 2.5, Number.NaN, Number.POSITIVE_INFINITY, "32" as unknown as number]) {
    assert.throws(
      () => new DataLoader(new Recorder(7), { batchSize }),
      (error) => error instanceof UsageError && error.message.includes(String(batchSize)),
    );
  }
});

test("pixels become float32 as a float32 division by 255 gives them", async () => {
  const bytes = Uint8Array.from({ length: 512 }, (_, i) => i % 256);
  const [x, y] = new ImageDataset(bytes, Uint8Array.of(3, 7), 16, 16).collate(Int32Array.of(1, 0, 1));
  assert.deepEqual([x.dtype, x.shape, y.dtype, y.shape], ["float32", [3, 16, 16], "int32", [3]]);
  assert.deepEqual([...(await y.data())], [7, 3, 7]);
  const values = await x.data();
  const divisor = Math.fround(255);
  for (let i = 0; i < 256; i++) assert.equal(values[i], Math.fround(Math.fround(i) / divisor));
  // numpy: np.uint8([1, 51, 254]).astype(np.float32) / 255
  assert.deepEqual(
    [values[1], values[51], values[254]],
    [1, 51, 254].map((_, i) => GOLDEN[i]),
  );
});
const GOLDEN = Float32Array.of(0.003921568859368563, 0.20000000298023224, 0.9960784316062927);

test("each batch has its own memory", async () => {
  const dataset = new ImageDataset(Uint8Array.of(0, 255), Uint8Array.of(0, 1), 1, 1);
  const [first] = dataset.collate(Int32Array.of(0));
  const [second] = dataset.collate(Int32Array.of(1));
  assert.deepEqual([(await first.data())[0], (await second.data())[0]], [0, 1]);
  assert.notEqual((await first.data()).buffer, (await second.data()).buffer);
});

test("samples that do not exist and sizes that do not fit are errors", () => {
  const dataset = new ImageDataset(new Uint8Array(8), new Uint8Array(2), 2, 2);
  assert.throws(() => dataset.collate(Int32Array.of(0, 2)), /sample 2 .* has 2/);
  assert.throws(() => dataset.collate(Int32Array.of(-1)), /sample -1/);
  assert.throws(
    () => new ImageDataset(new Uint8Array(9), new Uint8Array(2), 2, 2),
    /2 labels want 8 pixels, got 9/,
  );
});
