// Cuts this rank's share of a dataset, in the sampler's order, into batches.
import { UsageError } from "../core/errors.js";
import type { Batch, Dataset, Loader, Sampler } from "../core/loader.js";
import { DistributedSampler } from "../sampler/distributed-sampler.js";

export interface DataLoaderOptions {
  /** Samples per batch on this rank. */
  readonly batchSize: number;
  /** Which samples and in which order; without one, all in the dataset's order. */
  readonly sampler?: Sampler | undefined;
  /** Leave out a last batch that is not full. */
  readonly dropLast?: boolean;
}

/** Yields `dataset.collate` of each batch's indices; the tensors belong to whoever iterates. */
export class DataLoader implements Loader {
  readonly batchSize: number;
  readonly sampler: Sampler | undefined;
  private readonly dataset: Dataset;
  private readonly dropLast: boolean;

  /** @throws UsageError when the batch size is not a positive integer. */
  constructor(dataset: Dataset, { batchSize, sampler, dropLast = false }: DataLoaderOptions) {
    if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
      throw new UsageError(`batchSize is ${batchSize}, expected a positive integer such as 32`);
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.sampler = sampler;
    this.dropLast = dropLast;
  }

  get length(): number {
    return Math.ceil(this.samples / this.batchSize);
  }

  get samples(): number {
    const share = this.sampler?.length ?? this.dataset.length;
    return this.dropLast ? share - (share % this.batchSize) : share;
  }

  [Symbol.iterator](): Generator<Batch | Promise<Batch>> {
    return this.from(0);
  }

  /** The pass from this batch on. */
  *from(batches: number): Generator<Batch | Promise<Batch>> {
    const indices = this.#indices();
    for (let at = batches * this.batchSize; at < this.samples; at += this.batchSize) {
      yield this.dataset.collate(indices.subarray(at, Math.min(at + this.batchSize, this.samples)));
    }
  }

  share(numReplicas: number, rank: number): DataLoader {
    const { dataset, batchSize, dropLast } = this;
    const sampler = new DistributedSampler(dataset, { numReplicas, rank, shuffle: false, pad: false });
    return new DataLoader(dataset, { batchSize, dropLast, sampler });
  }

  samplesOf(batch: number): Int32Array {
    const at = batch * this.batchSize;
    return this.#indices().slice(at, Math.min(at + this.batchSize, this.samples));
  }

  #indices(): Int32Array {
    return this.sampler?.indices() ?? Int32Array.from({ length: this.samples }, (_, i) => i);
  }
}
