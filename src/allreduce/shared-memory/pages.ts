// Pages that all ranks of one host read and write, in turns.
//
// In each turn a rank writes into its page, publishes it, and waits for the others: when all have published, each may
// read all pages. A rank has two pages, used in turns: who publishes turn t + 1 has read all that it wanted of turn t,
// and nobody writes for turn t + 2 before all have published t + 1. So nothing is overwritten while somebody reads it.
//
// A rank's block: the numbers that waiting needs, then two pages, each with the operation and the bytes.
import type { Packed } from "../formats/format.js";
import type { Collective } from "../transport/collective.js";
import { HEAD_BYTES, type SharedMemory } from "./memory.js";
import { Waiting, type WaitingOptions } from "./waiting.js";

/** What the reductions need of pages. Ranks are those of the process group. */
export interface Pages {
  /** Bytes that a page holds. */
  readonly pageBytes: number;
  /** Writes into this rank's page of the turn to come. */
  write(position: number, values: Packed): void;
  /** Publishes the page; resolves when all ranks of the host have published theirs. */
  publishAndWait(collective: Collective): Promise<void>;
  /** Fills `values` from what a rank of the host has published in this turn. */
  read(rank: number, position: number, values: Packed): void;
  close(): void;
}

/** A page of 1 MB: smaller ones mean more turns, larger ones fall out of the cache. */
const PAGE_BYTES = 1024 * 1024;
const OPERATION_BYTES = 192;
/** What a rank's block needs. */
export const BLOCK_BYTES = HEAD_BYTES + 2 * (OPERATION_BYTES + PAGE_BYTES);

/** Pages of ranks that share memory. */
export class SharedPages implements Pages {
  readonly pageBytes = PAGE_BYTES;
  readonly #memory: SharedMemory;
  readonly #waiting: Waiting;
  /** The group's ranks, by block, and the other way round. */
  readonly #ranks: readonly number[];
  readonly #blocks: readonly number[];
  readonly #text = Buffer.alloc(OPERATION_BYTES);
  #turn = 1;
  /** The operation whose first turn is over. */
  #sequence = -1;

  /** `ranks` are the group's ranks, by block of the memory, which is this object's to close. */
  constructor(memory: SharedMemory, ranks: readonly number[], options: WaitingOptions) {
    this.#memory = memory;
    this.#waiting = new Waiting(memory, ranks, options);
    this.#ranks = ranks;
    const blocks: number[] = [];
    for (const [block, rank] of ranks.entries()) blocks[rank] = block;
    this.#blocks = blocks;
  }

  write(position: number, values: Packed): void {
    this.#memory.write(pageAt(this.#turn) + OPERATION_BYTES + position, values);
  }

  read(rank: number, position: number, values: Packed): void {
    this.#memory.read(this.#blocks[rank], pageAt(this.#turn - 1) + OPERATION_BYTES + position, values);
  }

  async publishAndWait(collective: Collective): Promise<void> {
    const isFirst = collective.sequence !== this.#sequence;
    if (isFirst) this.#writeOperation(collective);
    await this.#waiting.postAndWait(this.#turn++, collective);
    if (isFirst) this.#checkOperations(collective);
    this.#sequence = collective.sequence;
  }

  close(): void {
    this.#memory.close();
  }

  #writeOperation({ sequence, operation }: Collective): void {
    this.#text.fill(0);
    this.#text.write(`${sequence} ${operation}`);
    this.#memory.write(pageAt(this.#turn), this.#text);
  }

  /** Two ranks in different operations is an error, never a wrong sum. */
  #checkOperations(collective: Collective): void {
    for (const [block, rank] of this.#ranks.entries()) {
      if (block === this.#memory.own) continue;
      this.#memory.read(block, pageAt(this.#turn - 1), this.#text);
      const text = this.#text.toString("utf8", 0, this.#text.indexOf(0));
      const space = text.indexOf(" ");
      collective.checkOperation(rank, Number(text.slice(0, space)), text.slice(space + 1));
    }
  }
}

/** Of a rank that shares its host with nobody: no one to wait for, nothing to read. */
export const lonePages: Pages = {
  pageBytes: PAGE_BYTES,
  write() {},
  async publishAndWait() {},
  read(rank) {
    throw new Error(`rank ${rank} is on another host`);
  },
  close() {},
};

function pageAt(turn: number): number {
  return HEAD_BYTES + (turn % 2) * (OPERATION_BYTES + PAGE_BYTES);
}
