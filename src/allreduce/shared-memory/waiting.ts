// Waiting until all ranks of a host have posted a turn, and waking those that sleep over it. Another way to wait (a
// yield, a futex) goes here and nowhere else.
//
// Where each rank has a core of its own, it first looks again and again for a moment. Then it looks after short naps,
// which cost nobody anything. Then it writes down that it sleeps, looks once more, and waits for a message; whoever sees
// that all have posted wakes the sleepers.
import { availableParallelism } from "node:os";
import type { Collective } from "../transport/collective.js";
import type { SharedMemory } from "./memory.js";

/** Where a block has the number of turns its owner has posted, and the turn its owner sleeps in. */
const POSTED_AT = 0;
const SLEEPING_AT = 4;
/** Nobody notifies it. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));
/** Longer than it takes others who are not late to post as well, too short to matter where it is in vain. */
const SPIN_MS = 0.05;
/** In waits. */
const LONGEST_SPIN_PAUSE = 63;
/** Linux makes 0.08 ms of it, which is half a hop over ZeroMQ without the work of one. */
const NAP_MS = 0.02;
/** The event loop stands still meanwhile; a few ms is how far ranks that share cores are apart. */
const NAPS_MS = 5;
/** A wake-up that got lost costs no more than this. */
const SLEEP_MS = 20;

export interface WaitingOptions {
  /** A rank in this very process cannot post while this one blocks it. */
  readonly sharesEventLoop: boolean;
  /** How long to sleep at most before looking again. */
  readonly sleepMs?: number;
}

/** The turns that ranks have posted, in their shared memory. */
export class Waiting {
  readonly #memory: SharedMemory;
  /** The group's ranks, by block. */
  readonly #ranks: readonly number[];
  readonly #sleepMs: number;
  readonly #mayBlock: boolean;
  readonly #hasCore: boolean;
  #spinPause = 0;
  #spinPauses = 0;

  constructor(memory: SharedMemory, ranks: readonly number[], options: WaitingOptions) {
    this.#memory = memory;
    this.#ranks = ranks;
    this.#sleepMs = options.sleepMs ?? SLEEP_MS;
    this.#mayBlock = !options.sharesEventLoop;
    this.#hasCore = this.#mayBlock && memory.count <= availableParallelism();
  }

  /**
   * Posts a turn; resolves when all ranks have posted it.
   * @throws PeerError when one does not in time, and what {@link Collective.waitForMessageOrWake} throws.
   */
  async postAndWait(turn: number, collective: Collective): Promise<void> {
    this.#memory.writeNumber(POSTED_AT, turn >>> 0);
    let missing = this.#missing(turn);
    if (missing < 0) this.#wakeSleepers(turn, collective);
    if (missing >= 0 && this.#hasCore) missing = this.#spin(turn, missing);
    if (missing >= 0 && this.#mayBlock) missing = this.#nap(turn, missing);
    if (missing >= 0) await this.#sleep(turn, collective);
  }

  /**
   * The first block whose owner has not posted the turn, or -1. Who has posted may be one turn further; a torn number
   * equals neither.
   */
  #missing(turn: number, from = 0): number {
    const { count, own } = this.#memory;
    for (let block = from; block < count; block++) {
      if (block === own) continue;
      const posted = this.#memory.readNumber(block, POSTED_AT);
      if (posted !== turn >>> 0 && posted !== (turn + 1) >>> 0) return block;
    }
    return -1;
  }

  /** Looks for a moment. Where that is in vain the cores are busy, and it is tried ever more seldom. */
  #spin(turn: number, first: number): number {
    if (this.#spinPause > 0) {
      this.#spinPause--;
      return first;
    }
    const end = performance.now() + SPIN_MS;
    let missing = first;
    // Who has been seen to have posted has posted: only the missing one and those after it are looked at again.
    while (missing >= 0 && performance.now() < end) missing = this.#missing(turn, missing);
    this.#spinPauses = missing < 0 ? 0 : Math.min(2 * this.#spinPauses + 1, LONGEST_SPIN_PAUSE);
    this.#spinPause = this.#spinPauses;
    return missing;
  }

  #nap(turn: number, first: number): number {
    const end = performance.now() + NAPS_MS;
    let missing = first;
    while (missing >= 0 && performance.now() < end) {
      Atomics.wait(NEVER, 0, 0, NAP_MS);
      missing = this.#missing(turn, missing);
    }
    return missing;
  }

  async #sleep(turn: number, collective: Collective): Promise<void> {
    const deadline = performance.now() + collective.timeoutMs;
    this.#memory.writeNumber(SLEEPING_AT, turn >>> 0);
    for (let missing = this.#missing(turn); missing >= 0; missing = this.#missing(turn, missing)) {
      const left = deadline - performance.now();
      if (left <= 0) throw collective.waitedFor(this.#ranks[missing]);
      await collective.waitForMessageOrWake(Math.min(left, this.#sleepMs));
    }
    this.#memory.writeNumber(SLEEPING_AT, 0);
  }

  #wakeSleepers(turn: number, collective: Collective): void {
    const { count, own } = this.#memory;
    for (let block = 0; block < count; block++) {
      if (block !== own && this.#memory.readNumber(block, SLEEPING_AT) === turn >>> 0) {
        collective.wake(this.#ranks[block]);
      }
    }
  }
}
