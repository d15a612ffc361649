// The contract between a loader of batches and the loops that walk it.
import type { Tensor } from "@tensorflow/tfjs-core";

/** What a loader yields: tensors whose first dimension is the batch. The loops dispose of them. */
export type Batch = readonly Tensor[] | Readonly<Record<string, Tensor>>;

/** A sampler chooses which samples, and in which order, this rank sees. */
export interface Sampler {
  /** Number of indices this rank gets in an epoch. */
  readonly length: number;
  /** This rank's sample indices for the current epoch. */
  indices(): Int32Array;
  /** Told the 0-based global epoch before each epoch, so that a shuffle differs from epoch to epoch. */
  setEpoch?(epoch: number): void;
}

/** A dataset gives batches of tensors by sample index. */
export interface Dataset {
  /** Number of samples. */
  readonly length: number;
  /** Tensors for these samples, first dimension `indices.length`. */
  collate(indices: Int32Array): Batch;
}

/** An iterable of batches; each iteration is one pass over this rank's share. */
export interface Loader {
  /** Number of batches this rank yields in a pass. */
  readonly length: number;
  /** Number of samples this rank yields in a pass. */
  readonly samples: number;
  /** Samples per batch; the last one may hold fewer. */
  readonly batchSize: number;
  readonly sampler?: Sampler | undefined;
  [Symbol.iterator](): Iterator<Batch>;
  /** The pass without its first `batches`, for resuming; without it they are made and thrown away. */
  from?(batches: number): Iterable<Batch>;
  /** Indices of the samples in a batch of the current pass, for reports. */
  samplesOf?(batch: number): Int32Array;
}
