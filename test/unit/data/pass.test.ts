// A loader's pass from the middle, for resumed runs, and which samples a batch holds, for reports of a bad loss.
import assert from "node:assert/strict";
import { test } from "node:test";
import "@tensorflow/tfjs-backend-cpu";
import fc from "fast-check";
import type { Batch, Dataset } from "../../../src/core/loader.js";
import { DataLoader } from "../../../src/data/data-loader.js";
import { DistributedSampler } from "../../../src/sampler/distributed-sampler.js";

/** A batch's tensors are not what this is about: the indices that were asked for are. */
function recording(length: number): { readonly dataset: Dataset; readonly asked: number[][] } {
  const asked: number[][] = [];
  const collate = (indices: Int32Array): Batch => {
    asked.push([...indices]);
    return [];
  };
  return { dataset: { length, collate }, asked };
}

test("a pass from batch n is the whole pass without its first n, whatever the sampler and the batch size", () => {
  const cases = fc.record({
    length: fc.nat(40),
    batchSize: fc.integer({ min: 1, max: 9 }),
    dropLast: fc.boolean(),
    numReplicas: fc.integer({ min: 1, max: 4 }),
    epoch: fc.nat(3),
    shuffle: fc.boolean(),
  });
  fc.assert(
    fc.property(cases, ({ length, batchSize, dropLast, numReplicas, epoch, shuffle }) => {
      for (let rank = 0; rank < numReplicas; rank++) {
        const sampler = new DistributedSampler(length, { numReplicas, rank, shuffle, seed: 3, pad: false });
        sampler.setEpoch(epoch);
        const { dataset, asked } = recording(length);
        const loader = new DataLoader(dataset, { batchSize, dropLast, sampler });
        assert.equal([...loader].length, loader.length);
        const whole = asked.splice(0);
        assert.equal(whole.flat().length, loader.samples);
        for (let from = 0; from <= loader.length + 1; from++) {
          assert.equal([...loader.from(from)].length, Math.max(0, loader.length - from));
          assert.deepEqual(asked.splice(0), whole.slice(from));
        }
        for (const [batch, indices] of whole.entries()) {
          assert.deepEqual([...loader.samplesOf(batch)], indices, `batch ${batch}`);
        }
      }
    }),
  );
});

test("without a sampler too", () => {
  const { dataset, asked } = recording(7);
  const loader = new DataLoader(dataset, { batchSize: 3 });
  assert.equal([...loader.from(1)].length, 2);
  assert.deepEqual(asked, [[3, 4, 5], [6]]);
  assert.deepEqual(
    [0, 1, 2, 3].map((batch) => [...loader.samplesOf(batch)]),
    [[0, 1, 2], [3, 4, 5], [6], []],
  );
});
