// Random numbers of a run that repeat with it. While a stage is built they are the same on all ranks; in each batch
// they are others on each rank, and depend on nothing but the seed, the rank and the batch, so that a resumed run draws
// what it would have drawn. tfjs takes the seeds of unseeded initialisers, dropout and noise from Math.random: while a
// stream is in use, Math.random draws from it.
import { Mt19937 } from "./random.js";

export class RandomStream {
  readonly #seed: number;
  readonly #rank: number;
  #key: readonly number[] = [0];
  #generator: Mt19937 | null = null;

  constructor(seed: number, rank: number) {
    this.#seed = seed;
    this.#rank = rank;
  }

  /** From here on the numbers of a stage's making, the same on all ranks. */
  beginStage(index: number): void {
    this.#begin([0, index]);
  }

  /** From here on the numbers of the batch that follows so many global batch steps, this rank's own. */
  beginBatch(globalBatchStep: number): void {
    this.#begin([1 + this.#rank, globalBatchStep]);
  }

  /** A number in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * this.#next();
  }

  /** A whole number from 0 to n - 1. */
  whole(n: number): number {
    return Math.floor(this.#next() * n);
  }

  /** A number of the normal distribution (Box and Muller 1958). */
  normal(mean = 0, deviation = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.#next()));
    return mean + deviation * radius * Math.cos(2 * Math.PI * this.#next());
  }

  /** Makes Math.random draw from this stream, until another is used or {@link release}. */
  use(): void {
    if (inUse === this) return;
    inUse = this;
    Math.random = () => this.#next();
  }

  /** Gives Math.random back, where this stream is in use. */
  release(): void {
    if (inUse !== this) return;
    inUse = null;
    Math.random = original;
  }

  #begin(key: readonly number[]): void {
    this.#key = key;
    this.#generator = null;
  }

  /** 53 bits, as Math.random; the generator is made when it is first asked, since most batches draw nothing. */
  #next(): number {
    this.#generator ??= new Mt19937(mix([this.#seed, ...this.#key]));
    const high = this.#generator.next() >>> 5;
    const low = this.#generator.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }
}

const original = Math.random;
let inUse: RandomStream | null = null;

/** 32 bits in which each bit of each number counts (MurmurHash3, Appleby 2011). */
function mix(numbers: readonly number[]): number {
  let hash = 0x9747b28c;
  for (const number of numbers) {
    for (const half of [number >>> 0, Math.floor(number / 2 ** 32) >>> 0]) {
      let k = Math.imul(half, 0xcc9e2d51);
      k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
      hash ^= k;
      hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
    }
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
