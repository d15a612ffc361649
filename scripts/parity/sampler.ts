// Compares DistributedSampler with torch's, index by index: sampler.json holds whole index lists for small datasets,
// and for MNIST-sized ones the first indices and the SHA-256 of all of them as little-endian uint32.
import { createHash } from "node:crypto";
import { DistributedSampler } from "../../src/sampler/distributed-sampler.js";
import { type Comparison, Largest, readGolden } from "./comparison.js";

interface Case {
  readonly length: number;
  readonly num_replicas: number;
  readonly epoch: number;
  readonly seed: number;
}

interface SamplerGolden {
  readonly torch: string;
  readonly cases: readonly (Case & {
    readonly shuffle: boolean;
    readonly drop_last: boolean;
    readonly indices_by_rank: readonly (readonly number[])[];
  })[];
  /** Shuffled and padded. */
  readonly mnist_sized: readonly (Case & {
    readonly rank: number;
    readonly first: readonly number[];
    readonly count: number;
    readonly sha256_of_le_uint32: string;
  })[];
}

/** Any index that differs fails. */
export function compareSampler(folder: string): Comparison {
  const golden = readGolden<SamplerGolden>(folder, "sampler.json");
  const largest = new Largest();
  for (const item of golden?.cases ?? []) {
    item.indices_by_rank.forEach((theirs, rank) => {
      const ours = indicesOf(item, rank, item.shuffle, item.drop_last);
      const name = describe(item, rank, `shuffle ${item.shuffle}, dropLast ${item.drop_last}`);
      largest.add(`${name}, number of indices`, ours.length, theirs.length);
      theirs.forEach((index, i) => {
        largest.add(`${name}, place ${i}`, ours[i], index);
      });
    });
  }
  for (const item of golden?.mnist_sized ?? []) {
    const ours = indicesOf(item, item.rank, true, false);
    const name = describe(item, item.rank, "shuffle true");
    largest.add(`${name}, number of indices`, ours.length, item.count);
    item.first.forEach((index, i) => {
      largest.add(`${name}, place ${i}`, ours[i], index);
    });
    // A hash cannot say how far off: any difference is infinite.
    if (sha256(ours) !== item.sha256_of_le_uint32) largest.add(`${name}, SHA-256`, undefined, 0);
  }
  return {
    name: "sampler",
    cases: golden ? golden.cases.length + golden.mnist_sized.length : 0,
    largestDifference: largest.difference,
    limit: 0,
    detail: golden ? largest.where || `indices of torch ${golden.torch}, all equal` : "no sampler.json",
  };
}

function indicesOf(item: Case, rank: number, shuffle: boolean, dropLast: boolean): Int32Array {
  const { length, num_replicas: numReplicas, seed } = item;
  const sampler = new DistributedSampler(length, { numReplicas, rank, seed, shuffle, dropLast });
  sampler.setEpoch(item.epoch);
  return sampler.indices();
}

function describe(item: Case, rank: number, flags: string): string {
  return `${item.length} samples, rank ${rank} of ${item.num_replicas}, seed ${item.seed}, epoch ${item.epoch}, ${flags}`;
}

function sha256(indices: Int32Array): string {
  const bytes = Buffer.alloc(indices.length * 4);
  indices.forEach((index, i) => {
    bytes.writeUInt32LE(index, i * 4);
  });
  return createHash("sha256").update(bytes).digest("hex");
}
