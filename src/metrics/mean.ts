// Means over all samples of a loader, whatever the sizes of the batches and of the ranks' shares.
import type { Accumulator } from "../core/context.js";

/** Means of named values, each weighted by its batch's number of samples; NaN when there was no sample. */
export class Mean implements Accumulator {
  /** For each name the sum over samples, then the number of samples. */
  readonly state: Float64Array;
  readonly #names: readonly string[];

  constructor(names: readonly string[]) {
    this.#names = names;
    this.state = new Float64Array(names.length + 1);
  }

  /** Adds a batch of `samples` samples with these means, in the order of the names. */
  update(means: ArrayLike<number>, samples: number): void {
    const count = this.#names.length;
    for (let i = 0; i < count; i++) this.state[i] += means[i] * samples;
    this.state[count] += samples;
  }

  reset(): void {
    this.state.fill(0);
  }

  compute(): Record<string, number> {
    const count = this.#names.length;
    const means: Record<string, number> = {};
    for (let i = 0; i < count; i++) means[this.#names[i]] = this.state[i] / this.state[count];
    return means;
  }
}
