// A model checker for the board: runs the real reduction of all ranks over modelled pages, through every order in which
// ranks can see that all have posted, and calls it an error when a page is written that somebody may still read.

import { BoardAllReduce } from "../../src/allreduce/algorithms/shared.js";
import type { Packed } from "../../src/allreduce/formats/wire-format.js";
import type { Board } from "../../src/allreduce/shared-memory/pages.js";
import type { Exchange } from "../../src/allreduce/transport/collective.js";
import type { Wire } from "../../src/core/process-group.js";

export interface BoardModel {
  readonly worldSize: number;
  readonly pageBytes: number;
  readonly wholeBytes: number;
  /** Pages a rank has; two are right. */
  readonly pages?: number;
  readonly wire?: Wire;
  /** What one rank does; rejects when a result is wrong. */
  readonly program: (rank: number, reduce: (data: Float32Array) => Promise<void>) => Promise<void>;
}

/** Number of states; throws at the first thing that is wrong, and says in which order it came about. */
export async function exploreBoard(model: BoardModel): Promise<number> {
  const seen = new Set<string>();
  const unexplored: number[][] = [[]];
  for (let order = unexplored.pop(); order !== undefined; order = unexplored.pop()) {
    const world = new BoardWorld(model);
    await world.settle();
    for (const rank of order) await world.release(rank);
    // Ranks are deterministic between two meetings, so how many each has left says where everything is.
    while (!seen.has(world.place())) {
      seen.add(world.place());
      const [first, ...others] = world.releasable();
      if (first === undefined) {
        world.checkEnd();
        break;
      }
      for (const rank of others) unexplored.push([...world.order, rank]);
      await world.release(first);
    }
  }
  return seen.size;
}

class BoardWorld {
  readonly order: number[] = [];
  readonly boards: readonly ModelBoard[];
  readonly pages: number;
  #running: number;
  #error: unknown = null;

  constructor({ worldSize, pageBytes, wholeBytes, pages = 2, wire, program }: BoardModel) {
    this.pages = pages;
    this.boards = Array.from(
      { length: worldSize },
      (_, rank) => new ModelBoard(this, rank, worldSize, pageBytes),
    );
    this.#running = worldSize;
    for (const board of this.boards) {
      const allReduce = new BoardAllReduce(board, wholeBytes);
      // The board alone uses the exchange, and this one does not.
      const reduce = (data: Float32Array) => allReduce.reduce({} as Exchange, data, "sum", wire);
      program(board.rank, reduce)
        .catch((error: unknown) => {
          this.#error ??= error;
        })
        .finally(() => this.#running--);
    }
  }

  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#error !== null) throw this.violation(String(this.#error));
  }

  /** Ranks that wait, and for whom all have posted. */
  releasable(): number[] {
    return this.boards.filter((board) => board.isReleasable).map(({ rank }) => rank);
  }

  async release(rank: number): Promise<void> {
    this.order.push(rank);
    this.boards[rank].release();
    await this.settle();
  }

  place(): string {
    return this.boards.map(({ left }) => left).join();
  }

  checkEnd(): void {
    if (this.#running > 0) throw this.violation("deadlock");
  }

  violation(what: string): Error {
    return new Error(`${this.boards.length} ranks, after [${this.order}]: ${what}`);
  }
}

class ModelBoard implements Board {
  readonly rank: number;
  readonly worldSize: number;
  readonly pageBytes: number;
  /** Turns posted, and turns met. Between the two a rank waits; after meeting turn t it reads pages of turn t. */
  posted = 0;
  left = 0;
  readonly #world: BoardWorld;
  readonly #pages: Uint8Array[];
  #go: (() => void) | null = null;

  constructor(world: BoardWorld, rank: number, worldSize: number, pageBytes: number) {
    this.#world = world;
    this.rank = rank;
    this.worldSize = worldSize;
    this.pageBytes = pageBytes;
    this.#pages = Array.from({ length: world.pages }, () => new Uint8Array(pageBytes));
  }

  write(position: number, values: Packed): void {
    const turn = this.posted + 1;
    const overwritten = turn - this.#pages.length;
    // Who has not posted a later turn may still be reading that one.
    const reader = this.#world.boards.find(({ rank, posted }) => rank !== this.rank && posted <= overwritten);
    if (overwritten > 0 && reader) {
      throw new Error(
        `rank ${this.rank} writes turn ${turn} where rank ${reader.rank} may read turn ${overwritten}`,
      );
    }
    if (position + values.byteLength > this.pageBytes)
      throw new Error(`rank ${this.rank} writes past its page`);
    this.#page(turn).set(bytesOf(values), position);
  }

  read(rank: number, position: number, values: Packed): void {
    if (position + values.byteLength > this.pageBytes) throw new Error(`rank ${this.rank} reads past a page`);
    const page = this.#world.boards[rank].#page(this.left);
    bytesOf(values).set(page.subarray(position, position + values.byteLength));
  }

  meet(): Promise<void> {
    this.posted++;
    return new Promise((resolve) => {
      this.#go = resolve;
    });
  }

  get isReleasable(): boolean {
    return this.#go !== null && this.#world.boards.every(({ posted }) => posted >= this.posted);
  }

  release(): void {
    this.left++;
    const go = this.#go;
    this.#go = null;
    go?.();
  }

  #page(turn: number): Uint8Array {
    return this.#pages[turn % this.#pages.length];
  }
}

function bytesOf(values: Packed): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
