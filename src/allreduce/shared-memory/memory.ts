// The memory of the ranks on one host: a block a rank, written by its owner only and read by all. Whoever brings another
// kind of memory implements this, and makes it in `open.ts`.
// Files here: each access is one pwrite or pread, which the kernel orders, so what was written first is seen first.
import { closeSync, readSync, writeSync } from "node:fs";
import { RunError } from "../../core/errors.js";

/** A block begins with the numbers that waiting needs; the second half of its head says whose it is. */
export const HEAD_BYTES = 64;

export interface SharedMemory {
  /** Number of blocks. */
  readonly count: number;
  /** The block that this rank writes. */
  readonly own: number;
  /** Writes into the own block. */
  write(at: number, values: NodeJS.ArrayBufferView): void;
  /** Fills `values` from a block. @throws RunError when it ends before. */
  read(block: number, at: number, values: NodeJS.ArrayBufferView): void;
  /** Writes a number below 2^32 into the own block. */
  writeNumber(at: number, value: number): void;
  /** A number as it was written; while it is being written it may be torn between the two. */
  readNumber(block: number, at: number): number;
  close(): void;
}

/** Blocks that are files, by descriptor, the own one writable; they are this object's to close. */
export class FileMemory implements SharedMemory {
  readonly count: number;
  readonly own: number;
  readonly #files: number[];
  readonly #number = Buffer.alloc(4);

  constructor(files: readonly number[], own: number) {
    this.count = files.length;
    this.own = own;
    this.#files = [...files];
  }

  write(at: number, values: NodeJS.ArrayBufferView): void {
    writeSync(this.#files[this.own], values, 0, values.byteLength, at);
  }

  read(block: number, at: number, values: NodeJS.ArrayBufferView): void {
    const got = readSync(this.#files[block], values, 0, values.byteLength, at);
    if (got !== values.byteLength) throw new RunError(`shared memory ends at ${at + got} bytes`);
  }

  writeNumber(at: number, value: number): void {
    this.#number.writeUInt32LE(value);
    writeSync(this.#files[this.own], this.#number, 0, 4, at);
  }

  readNumber(block: number, at: number): number {
    readSync(this.#files[block], this.#number, 0, 4, at);
    return this.#number.readUInt32LE();
  }

  close(): void {
    for (const file of this.#files.splice(0)) closeSync(file);
  }
}
