// Deals a dataset's indices out to the ranks as torch.utils.data.DistributedSampler does, index for index:
// one order for all (shuffled by seed + epoch, or 0, 1, 2...), of which rank r takes the places r, r + N, r + 2N...
//
//   7 samples, 3 ranks     places   0 1 2 | 3 4 5 | 6 7 8
//     pad (the default)    order    a b c | d e f | g a b     every rank gets 3; the order starts again at its end
//     dropLast             order    a b c | d e f |           every rank gets 2; g is left out this epoch
//     pad: false           order    a b c | d e f | g         every sample exactly once; rank 0 gets 3, the others 2
import { UsageError } from "../core/errors.js";
import type { Sampler } from "../core/loader.js";
import { randperm, requireSeed } from "../core/random.js";

export interface DistributedSamplerOptions {
  /** Number of ranks that share the dataset. */
  readonly numReplicas: number;
  /** This rank, from 0. */
  readonly rank: number;
  /** A new order each epoch (the default), or the dataset's own. */
  readonly shuffle?: boolean;
  /** Must be equal on all ranks. */
  readonly seed?: number;
  /** Leave out the last few samples that do not divide evenly; wins over `pad`. */
  readonly dropLast?: boolean;
  /** False: repeat nothing, so that ranks may differ by one sample. For validation; torch lacks it. */
  readonly pad?: boolean;
}

/** This rank's share of a dataset, a new shuffle each epoch. */
export class DistributedSampler implements Sampler {
  readonly numReplicas: number;
  readonly rank: number;
  readonly shuffle: boolean;
  readonly seed: number;
  /** Number of indices this rank gets in an epoch. */
  readonly numSamples: number;
  /** Number of indices all ranks get together in an epoch. */
  readonly totalSize: number;
  readonly #datasetLength: number;
  #epoch = 0;

  /**
   * `dataset` is a dataset or its number of samples.
   * @throws UsageError for a length, rank, number of replicas or seed that cannot be.
   */
  constructor(dataset: number | { readonly length: number }, options: DistributedSamplerOptions) {
    const { numReplicas, rank, shuffle = true, seed = 0, dropLast = false, pad = true } = options;
    const length = typeof dataset === "number" ? dataset : dataset.length;
    requireWhole("the dataset's length", length, 0, 2 ** 31 - 1);
    requireWhole("numReplicas", numReplicas, 1, 2 ** 31 - 1);
    requireWhole("rank", rank, 0, numReplicas - 1);
    requireSeed(seed);
    this.#datasetLength = length;
    this.numReplicas = numReplicas;
    this.rank = rank;
    this.shuffle = shuffle;
    this.seed = seed;
    this.totalSize = dealt(length, numReplicas, dropLast, pad);
    this.numSamples = Math.floor((this.totalSize - rank + numReplicas - 1) / numReplicas);
  }

  /** The same as {@link numSamples}. */
  get length(): number {
    return this.numSamples;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Call it on every rank before each epoch, or every epoch has the same order. */
  setEpoch(epoch: number): void {
    requireWhole("epoch", epoch, 0, Number.MAX_SAFE_INTEGER - this.seed);
    this.#epoch = epoch;
  }

  indices(): Int32Array {
    const length = this.#datasetLength;
    const order = this.shuffle ? randperm(length, this.seed + this.#epoch) : null;
    const indices = new Int32Array(this.numSamples);
    for (let i = 0, place = this.rank; i < indices.length; i++, place += this.numReplicas) {
      // Only padding goes past the end, where the order starts again, as often as needed.
      indices[i] = order ? order[place % length] : place % length;
    }
    return indices;
  }
}

function dealt(length: number, numReplicas: number, dropLast: boolean, pad: boolean): number {
  if (dropLast) return Math.floor(length / numReplicas) * numReplicas;
  return pad ? Math.ceil(length / numReplicas) * numReplicas : length;
}

function requireWhole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new UsageError(
      `DistributedSampler: ${name} must be a whole number from ${low} to ${high}, got ${value}`,
    );
  }
}
