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
  /** Tensors for these samples, first dimension `indices.length`; or a promise of them. */
  collate(indices: Int32Array): Batch | Promise<Batch>;
}

/** Batches, or promises of them, one after another; asynchronous where only the next call can tell whether one is left. */
export type Batches = Iterable<Batch | Promise<Batch>> | AsyncIterable<Batch>;

/** Batches that can be walked again and again, in one of two ways: each walk is one pass over this rank's share. */
export interface Loader {
  /** Number of batches this rank yields in a pass. */
  readonly length: number;
  /** Number of samples this rank yields in a pass. */
  readonly samples: number;
  /** Samples per batch; the last one may hold fewer. */
  readonly batchSize: number;
  readonly sampler?: Sampler | undefined;
  [Symbol.iterator]?(): Iterator<Batch | Promise<Batch>>;
  [Symbol.asyncIterator]?(): AsyncIterator<Batch>;
  /** The pass without its first `batches`, for resuming; without it they are made and thrown away. */
  from?(batches: number): Batches;
  /** The same over a rank's share of its samples, each of which one rank sees: how ranks validate without a sampler. */
  share?(numReplicas: number, rank: number): Loader;
  /** Indices of the samples in a batch of the current pass, for reports. */
  samplesOf?(batch: number): Int32Array;
}
