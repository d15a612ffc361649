// A board that all ranks of one machine read and write: one file in memory a rank, written by its owner only.
//
// Ranks move in turns. In each a rank writes into its page, posts it, and meets the others: when all have posted, each
// may read all pages. A rank has two pages, used in turns: who posts turn t + 1 has read all that it wanted of turn t,
// and nobody writes for turn t + 2 before all have posted t + 1. So nothing is overwritten while somebody reads it.
//
// A file: the number of turns posted, then the turn its owner sleeps in, then two pages: the operation, and the bytes.
// Each is one pwrite or pread, which the kernel orders; a number that is read while it is written may be torn, which
// equality with the one turn that is waited for, or the one after it, does not mistake for either.
//
// Waiting: where each rank has a core of its own, it first looks again and again for a moment. Then it looks after short
// naps, which cost nobody anything. Then it writes down that it sleeps, looks once more, and waits for
// ZeroMQ; whoever sees that all have posted wakes the sleepers.
// Nothing is left behind by a crash: the files have no names, peers open them through /proc.
import { closeSync, readSync, writeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { RunError } from "../../core/errors.js";
import { circulate } from "../algorithms/gather.js";
import type { Packed } from "../formats/wire-format.js";
import type { Exchange } from "../transport/collective.js";
import { createFile, HEAD_BYTES, openFile, type Place } from "./open.js";

/** What the reductions need of a board; see {@link FileBoard}. */
export interface Board {
  readonly rank: number;
  readonly worldSize: number;
  /** Bytes that a page holds. */
  readonly pageBytes: number;
  /** Writes into this rank's page of the turn to come. */
  write(position: number, values: Packed): void;
  /** Posts the page; resolves when all ranks have posted theirs. */
  meet(exchange: Exchange): Promise<void>;
  /** Fills `values` from what `rank` has posted in this turn. */
  read(rank: number, position: number, values: Packed): void;
}

/** A page of 1 MB: smaller ones mean more turns, larger ones fall out of the cache. */
const PAGE_BYTES = 1024 * 1024;
const SLEEP_AT = 4;
/** Nobody notifies it. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));
const OPERATION_BYTES = 192;
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

/**
 * Makes this rank's board; null on all ranks alike when one of them has no `token`, no such memory, or is on another
 * machine. Resolves when all ranks have come.
 */
export async function openBoard(exchange: Exchange, token: string | null): Promise<FileBoard | null> {
  const { rank, worldSize } = exchange;
  const own =
    token === null || worldSize === 1
      ? null
      : attempt(() => createFile(token, rank, HEAD_BYTES + 2 * (OPERATION_BYTES + PAGE_BYTES)));
  const places = await gather<Place | null>(exchange, own);
  if (own === null) return null;
  const files: number[] = [own.descriptor];
  const opened = attempt(() => {
    for (let step = 1; step < worldSize; step++) {
      const other = (rank + step) % worldSize;
      const place = places[other];
      if (place?.host !== own.host) return false;
      files.push(openFile(token ?? "", other, place));
    }
    return true;
  });
  const canAll = places.every((place) => place?.host === own.host);
  if (canAll) {
    await exchange.reach();
    const all = await gather(exchange, opened === true);
    // Opened from this rank on, kept by rank.
    const byRank = files.map((_, other) => files[(other - rank + worldSize) % worldSize]);
    const sharesLoop = places.some((place, other) => other !== rank && place?.pid === own.pid);
    if (all.every((ok) => ok)) return new FileBoard(rank, byRank, sharesLoop);
  }
  for (const file of files) closeSync(file);
  return null;
}

async function gather<T>(exchange: Exchange, value: T): Promise<T[]> {
  const payloads = await circulate(exchange, new TextEncoder().encode(JSON.stringify(value)));
  return payloads.map((payload) => JSON.parse(new TextDecoder().decode(payload)) as T);
}

/** Whatever goes wrong with shared memory is no reason not to train. */
function attempt<T>(body: () => T): T | null {
  try {
    return body();
  } catch {
    return null;
  }
}

export class FileBoard implements Board {
  readonly rank: number;
  readonly worldSize: number;
  readonly pageBytes = PAGE_BYTES;
  /** One a rank, this rank's own writable. */
  readonly #files: number[];
  readonly #word = Buffer.alloc(4);
  readonly #text = Buffer.alloc(OPERATION_BYTES);
  /** A rank in this very process cannot post while this one blocks it. */
  readonly #sharesLoop: boolean;
  readonly #hasCore: boolean;
  #spinPause = 0;
  #spinPauses = 0;
  #turn = 1;
  /** The operation whose first turn has been met. */
  #sequence = -1;

  constructor(rank: number, files: readonly number[], sharesLoop: boolean) {
    this.rank = rank;
    this.worldSize = files.length;
    this.#files = [...files];
    this.#sharesLoop = sharesLoop;
    this.#hasCore = !sharesLoop && files.length <= availableParallelism();
  }

  write(position: number, values: Packed): void {
    writeSync(
      this.#files[this.rank],
      values,
      0,
      values.byteLength,
      this.#pageAt + OPERATION_BYTES + position,
    );
  }

  read(rank: number, position: number, values: Packed): void {
    const turn = this.#turn - 1;
    const at = pageAt(turn) + OPERATION_BYTES + position;
    const got = readSync(this.#files[rank], values, 0, values.byteLength, at);
    if (got !== values.byteLength)
      throw new RunError(`the shared memory of rank ${rank} ends at ${at + got} bytes`);
  }

  async meet(exchange: Exchange): Promise<void> {
    const isFirst = exchange.sequence !== this.#sequence;
    if (isFirst) this.#writeOperation(exchange);
    const turn = this.#turn++;
    this.#post(0, turn);
    let missing = this.#missing(turn);
    if (missing < 0) this.#wakeOthers(exchange, turn);
    if (missing >= 0 && this.#hasCore) missing = this.#spin(turn, missing);
    if (missing >= 0 && !this.#sharesLoop) missing = this.#nap(turn, missing);
    if (missing >= 0) await this.#sleep(exchange, turn);
    if (isFirst) this.#checkOperations(exchange);
    this.#sequence = exchange.sequence;
  }

  close(): void {
    for (const file of this.#files.splice(0)) closeSync(file);
  }

  get #pageAt(): number {
    return pageAt(this.#turn);
  }

  /** The first rank that has not posted the turn, or -1. */
  #missing(turn: number, from = 0): number {
    for (let rank = from; rank < this.worldSize; rank++) {
      if (rank === this.rank) continue;
      const posted = this.#look(rank, 0);
      if (posted !== turn >>> 0 && posted !== (turn + 1) >>> 0) return rank;
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

  async #sleep(exchange: Exchange, turn: number): Promise<void> {
    const deadline = performance.now() + exchange.timeoutMs;
    this.#post(SLEEP_AT, turn);
    for (let missing = this.#missing(turn); missing >= 0; missing = this.#missing(turn, missing)) {
      const left = deadline - performance.now();
      if (left <= 0) throw exchange.waitedFor(missing);
      await exchange.doze(Math.min(left, SLEEP_MS));
    }
    this.#post(SLEEP_AT, 0);
  }

  #wakeOthers(exchange: Exchange, turn: number): void {
    for (let rank = 0; rank < this.worldSize; rank++) {
      if (rank !== this.rank && this.#look(rank, SLEEP_AT) === turn >>> 0) exchange.wake(rank);
    }
  }

  #writeOperation({ sequence, operation }: Exchange): void {
    this.#text.fill(0);
    this.#text.write(`${sequence} ${operation}`);
    writeSync(this.#files[this.rank], this.#text, 0, OPERATION_BYTES, this.#pageAt);
  }

  /** Two ranks in different operations is an error, never a wrong sum. */
  #checkOperations(exchange: Exchange): void {
    const page = pageAt(this.#turn - 1);
    for (let rank = 0; rank < this.worldSize; rank++) {
      if (rank === this.rank) continue;
      readSync(this.#files[rank], this.#text, 0, OPERATION_BYTES, page);
      const text = this.#text.toString("utf8", 0, this.#text.indexOf(0));
      const space = text.indexOf(" ");
      exchange.checkOperation(rank, Number(text.slice(0, space)), text.slice(space + 1));
    }
  }

  #post(position: number, turn: number): void {
    this.#word.writeUInt32LE(turn >>> 0);
    writeSync(this.#files[this.rank], this.#word, 0, 4, position);
  }

  #look(rank: number, position: number): number {
    readSync(this.#files[rank], this.#word, 0, 4, position);
    return this.#word.readUInt32LE();
  }
}

function pageAt(turn: number): number {
  return HEAD_BYTES + (turn % 2) * (OPERATION_BYTES + PAGE_BYTES);
}
