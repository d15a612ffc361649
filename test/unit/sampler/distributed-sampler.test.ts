// The sampler deals out torch's indices: compared with the golden files where they are, and held to the properties
// that make it a sampler everywhere.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { passes } from "../../../scripts/parity/comparison.js";
import { compareSampler } from "../../../scripts/parity/sampler.js";
import { UsageError } from "../../../src/core/errors.js";
import {
  DistributedSampler,
  type DistributedSamplerOptions,
} from "../../../src/sampler/distributed-sampler.js";
import { parityFile } from "../../support/golden.js";

type Flags = Omit<DistributedSamplerOptions, "numReplicas" | "rank">;

const golden = parityFile("sampler.json");

/** Every rank's indices. */
function deal(length: number, numReplicas: number, flags: Flags, epoch = 0): number[][] {
  return Array.from({ length: numReplicas }, (_, rank) => {
    const sampler = new DistributedSampler(length, { numReplicas, rank, ...flags });
    sampler.setEpoch(epoch);
    const indices = [...sampler.indices()];
    assert.equal(sampler.length, indices.length);
    assert.equal(sampler.numSamples, indices.length);
    return indices;
  });
}

/** The shared order back from the ranks' shares. */
function interleave(shares: number[][]): number[] {
  return shares[0].flatMap((_, i) => shares.filter((share) => i < share.length).map((share) => share[i]));
}

const range = (length: number) => Array.from({ length }, (_, i) => i);
const byNumber = (a: number, b: number) => a - b;
const cases = {
  length: fc.nat(300),
  replicas: fc.integer({ min: 1, max: 9 }),
  flags: fc.record({ shuffle: fc.boolean(), seed: fc.nat() }),
  epoch: fc.nat(50),
};

test("torch's indices, all golden cases", { skip: golden.skip }, () => {
  const comparison = compareSampler(dirname(golden.path));
  assert.equal(comparison.cases, 467);
  assert.ok(passes(comparison), comparison.detail);
});

test("the comparison notices one wrong index, one index too many and a wrong hash", {
  skip: golden.skip,
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ddp-train-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const spoil of [
    (file: Spoilable) => file.cases[200].indices_by_rank[0][0]++,
    (file: Spoilable) => file.cases[200].indices_by_rank[0].pop(),
    (file: Spoilable) => {
      file.mnist_sized[1].sha256_of_le_uint32 = "0".repeat(64);
    },
  ]) {
    const file = JSON.parse(readFileSync(golden.path, "utf8")) as Spoilable;
    spoil(file);
    writeFileSync(join(folder, "sampler.json"), JSON.stringify(file));
    assert.ok(!passes(compareSampler(folder)), String(spoil));
  }
});

interface Spoilable {
  cases: { indices_by_rank: number[][] }[];
  mnist_sized: { sha256_of_le_uint32: string }[];
}

test("a few of torch's indices, written down", () => {
  assert.deepEqual(deal(10, 3, { seed: 42 }, 1), [
    [8, 0, 6, 3],
    [4, 5, 7, 8],
    [9, 1, 2, 4],
  ]);
  // Padding of a dataset smaller than the padding: the order repeats as often as needed.
  assert.deepEqual(deal(1, 4, {}), [[0], [0], [0], [0]]);
  assert.deepEqual(deal(3, 8, { shuffle: false }), [[0], [1], [2], [0], [1], [2], [0], [1]]);
  assert.deepEqual(deal(3, 8, { dropLast: true }), Array(8).fill([]));
  assert.deepEqual(deal(0, 2, {}), [[], []]);
});

test("unpadded: every index exactly once over all ranks, shares differ by at most one", () => {
  fc.assert(
    fc.property(cases.length, cases.replicas, cases.flags, cases.epoch, (length, replicas, flags, epoch) => {
      const shares = deal(length, replicas, { ...flags, pad: false }, epoch);
      assert.deepEqual(shares.flat().sort(byNumber), range(length));
      const sizes = shares.map((share) => share.length);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
    }),
  );
});

test("padded: equal shares, every index at least once, and the order starts again at its end", () => {
  fc.assert(
    fc.property(cases.length, cases.replicas, cases.flags, cases.epoch, (length, replicas, flags, epoch) => {
      const shares = deal(length, replicas, flags, epoch);
      for (const share of shares) assert.equal(share.length, Math.ceil(length / replicas));
      const dealt = interleave(shares);
      assert.deepEqual(dealt.slice(0, length).sort(byNumber), range(length));
      assert.deepEqual(
        dealt.slice(length),
        dealt.slice(length).map((_, i) => dealt[i]),
      );
    }),
  );
});

test("dropLast: equal, disjoint shares, fewer than numReplicas samples left out", () => {
  fc.assert(
    fc.property(cases.length, cases.replicas, cases.flags, cases.epoch, (length, replicas, flags, epoch) => {
      const shares = deal(length, replicas, { ...flags, dropLast: true }, epoch);
      for (const share of shares) assert.equal(share.length, Math.floor(length / replicas));
      assert.equal(new Set(shares.flat()).size, length - (length % replicas));
    }),
  );
});

test("the shuffle follows seed + epoch; without a shuffle the epoch changes nothing", () => {
  const first = deal(100, 2, { seed: 3 }, 4);
  assert.deepEqual(deal(100, 2, { seed: 3 }, 4), first);
  assert.deepEqual(deal(100, 2, { seed: 0 }, 7), first);
  assert.notDeepEqual(deal(100, 2, { seed: 3 }, 5), first);
  assert.deepEqual(deal(7, 2, { shuffle: false }, 5), [
    [0, 2, 4, 6],
    [1, 3, 5, 0],
  ]);
});

test("sizes are known before an epoch, from a dataset or its length", () => {
  const sampler = new DistributedSampler({ length: 10000 }, { numReplicas: 3, rank: 1 });
  assert.deepEqual([sampler.numSamples, sampler.totalSize, sampler.epoch], [3334, 10002, 0]);
  sampler.setEpoch(2);
  assert.equal(sampler.epoch, 2);
  const unpadded = new DistributedSampler(10000, { numReplicas: 3, rank: 1, pad: false });
  assert.deepEqual([unpadded.numSamples, unpadded.totalSize], [3333, 10000]);
  const dropped = new DistributedSampler(10001, { numReplicas: 3, rank: 1, dropLast: true });
  assert.deepEqual([dropped.numSamples, dropped.totalSize], [3333, 9999]);
});

test("bad arguments are the caller's mistake and are named", () => {
  const make = (length: number, options: DistributedSamplerOptions) => () =>
    new DistributedSampler(length, options);
  const refused = (run: () => unknown, message: RegExp) =>
    assert.throws(run, (error) => error instanceof UsageError && message.test(error.message));
  refused(make(10, { numReplicas: 2, rank: 2 }), /rank must be a whole number from 0 to 1, got 2/);
  refused(make(10, { numReplicas: 2, rank: -1 }), /rank .* got -1/);
  refused(make(10, { numReplicas: 0, rank: 0 }), /numReplicas .* got 0/);
  refused(make(10, { numReplicas: 1.5, rank: 0 }), /numReplicas .* got 1.5/);
  refused(make(-1, { numReplicas: 1, rank: 0 }), /length .* got -1/);
  refused(make(Number.NaN, { numReplicas: 1, rank: 0 }), /length .* got NaN/);
  refused(make(10, { numReplicas: 1, rank: 0, seed: -1 }), /seed .* got -1/);
  const sampler = new DistributedSampler(10, { numReplicas: 1, rank: 0, seed: 5 });
  refused(() => sampler.setEpoch(-1), /epoch .* got -1/);
  refused(() => sampler.setEpoch(Number.MAX_SAFE_INTEGER), /epoch/);
});
