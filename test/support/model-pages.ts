// Modelled shared memory: a rank that waits for the others of its host goes on at any moment after all have published,
// and it is an error when a page is written that somebody may still read.
import type { Packed } from "../../src/allreduce/formats/format.js";
import type { RanksByHost } from "../../src/allreduce/shared-memory/hosts.js";
import type { Pages } from "../../src/allreduce/shared-memory/pages.js";
import type { Source } from "./model-source.js";

export interface MemoryModel {
  readonly hosts: RanksByHost;
  readonly pageBytes: number;
  /** Pages a rank has; two are right. */
  readonly pages?: number;
}

/** Each rank's pages, by rank. */
export function modelPages(worldSize: number, memory: MemoryModel): (Pages & Source)[] {
  const all: ModelPages[] = [];
  for (let rank = 0; rank < worldSize; rank++) {
    const host = memory.hosts.find((ranks) => ranks.includes(rank)) ?? [];
    all.push(new ModelPages(all, rank, host, memory));
  }
  return all;
}

class ModelPages implements Pages, Source {
  readonly name: string;
  readonly pageBytes: number;
  /** Turns published, and turns waited for. Between the two a rank waits; after turn t it reads pages of turn t. */
  published = 0;
  count = 0;
  readonly #rank: number;
  readonly #all: readonly ModelPages[];
  readonly #host: readonly number[];
  readonly #pages: readonly Uint8Array[];
  #go: (() => void) | null = null;

  constructor(all: readonly ModelPages[], rank: number, host: readonly number[], memory: MemoryModel) {
    this.name = `rank ${rank} sees its host`;
    this.#rank = rank;
    this.#all = all;
    this.#host = host;
    this.pageBytes = memory.pageBytes;
    this.#pages = Array.from({ length: memory.pages ?? 2 }, () => new Uint8Array(memory.pageBytes));
  }

  write(position: number, values: Packed): void {
    const turn = this.published + 1;
    const overwritten = turn - this.#pages.length;
    // Who has not published a later turn may still be reading that one.
    const reader = this.#host.find((rank) => rank !== this.#rank && this.#all[rank].published <= overwritten);
    if (overwritten > 0 && reader !== undefined) {
      throw new Error(
        `rank ${this.#rank} writes turn ${turn} where rank ${reader} may read turn ${overwritten}`,
      );
    }
    if (position + values.byteLength > this.pageBytes) {
      throw new Error(`rank ${this.#rank} writes past its page`);
    }
    this.#page(turn).set(bytesOf(values), position);
  }

  read(rank: number, position: number, values: Packed): void {
    if (!this.#host.includes(rank)) throw new Error(`rank ${this.#rank} reads memory of another host`);
    if (position + values.byteLength > this.pageBytes)
      throw new Error(`rank ${this.#rank} reads past a page`);
    const page = this.#all[rank].#page(this.count);
    bytesOf(values).set(page.subarray(position, position + values.byteLength));
  }

  publishAndWait(): Promise<void> {
    this.published++;
    return new Promise((resolve) => {
      this.#go = resolve;
    });
  }

  close(): void {}

  get isReady(): boolean {
    return this.#go !== null && this.#host.every((rank) => this.#all[rank].published >= this.published);
  }

  fire(): void {
    this.count++;
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
