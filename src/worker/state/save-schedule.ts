// When the run is saved within an epoch: after so many train batches, at the next step, and where the run ends early.
// Alike on all ranks, since all count the same batches.

export class SaveSchedule {
  /** Train batches between saves; null for none. */
  readonly #every: number | null;
  #unsaved = 0;
  #isDue = false;

  constructor(every: number | null) {
    this.#every = every;
  }

  /** True after a batch at which the run is to be saved. */
  get isDue(): boolean {
    return this.#isDue;
  }

  beginBatch(isTrain: boolean): void {
    if (this.#isDue) this.#unsaved = 0;
    if (isTrain) this.#unsaved++;
    this.#isDue = false;
  }

  /** A batch's gradients were reduced: only here can an epoch be cut, between steps of accumulated batches. */
  afterStep(isEnd: boolean): void {
    this.#isDue = isEnd || (this.#every !== null && this.#unsaved >= this.#every);
  }
}
