// What a fuzzing thread and the main thread share: how many inputs were tried, and the one being read right now.
import type { Watch } from "./hunt.js";

/** What a thread is told. */
export interface ThreadData {
  /** URL of the module that exports `targets`, and the name of one of them. */
  readonly module: string;
  readonly target: string;
  readonly shared: SharedArrayBuffer;
  readonly seed: number;
  readonly seconds: number;
}

const [TRIED, REFUSED, LENGTH, BUSY, COUNTS] = [0, 1, 2, 3, 4];
/** Longest input that can be shown; all targets' are far shorter. */
const INPUT_BYTES = 2 ** 16;

export function sharedTally(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * COUNTS + INPUT_BYTES);
}

/** A view of the shared memory, from either side. */
export class Tally implements Watch {
  readonly #counts: Int32Array;
  readonly #input: Uint8Array;

  constructor(shared: SharedArrayBuffer) {
    this.#counts = new Int32Array(shared, 0, COUNTS);
    this.#input = new Uint8Array(shared, 4 * COUNTS);
  }

  get tried(): number {
    return Atomics.load(this.#counts, TRIED);
  }
  get refused(): number {
    return Atomics.load(this.#counts, REFUSED);
  }
  /** True while an input is being read. */
  get isBusy(): boolean {
    return Atomics.load(this.#counts, BUSY) === 1;
  }
  /** The input that was read last. */
  get input(): Uint8Array {
    return this.#input.slice(0, this.#counts[LENGTH]);
  }

  begin(input: Uint8Array): void {
    const shown = input.subarray(0, INPUT_BYTES);
    this.#input.set(shown);
    this.#counts[LENGTH] = shown.length;
    Atomics.add(this.#counts, TRIED, 1);
    Atomics.store(this.#counts, BUSY, 1);
  }

  settle(refused: boolean): void {
    if (refused) Atomics.add(this.#counts, REFUSED, 1);
    Atomics.store(this.#counts, BUSY, 0);
  }
}
