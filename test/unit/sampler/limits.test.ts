// The sampler's whole numbers end at 2^31 - 1, the largest index that an Int32Array holds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../../src/core/errors.js";
import { DistributedSampler } from "../../../src/sampler/distributed-sampler.js";

const MOST = 2 ** 31 - 1;

test("the largest dataset and the most replicas are taken, one more is refused", () => {
  // One of so many ranks, or a share of one: nothing large is allocated.
  const lone = { rank: 0, numReplicas: MOST, shuffle: false };
  assert.deepEqual([...new DistributedSampler(MOST, lone).indices()], [0]);
  assert.deepEqual([...new DistributedSampler(MOST, { ...lone, rank: MOST - 1 }).indices()], [MOST - 1]);
  for (const [length, numReplicas, name] of [
    [MOST + 1, MOST, "the dataset's length"],
    [1, MOST + 1, "numReplicas"],
  ] as const) {
    assert.throws(
      () => new DistributedSampler(length, { ...lone, numReplicas }),
      (error) =>
        error instanceof UsageError &&
        error.message.includes(`${name} must be a whole number`) &&
        error.message.endsWith(`to ${MOST}, got ${MOST + 1}`),
    );
  }
});
