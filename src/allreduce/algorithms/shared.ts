// All-reduce over a board: what `ring.ts` computes, bit for bit, in the fewest turns.
//
// Short arrays take one turn: every rank posts its own and adds up all. Longer ones are cut into the ring's chunks, one
// a rank. Its owner reads the others' parts of it, adds them in the ring's order and posts the sum, which the others
// copy: each byte is written once and read once, as in the ring, but in two turns instead of 2 (W - 1) hops. Chunks go
// in pieces that fit the page, and the sums of one piece travel with the parts of the next.
import type { ReduceOp, Wire } from "../../core/process-group.js";
import { type Packed, type WireFormat, wireFormat } from "../formats/wire-format.js";
import type { Board } from "../shared-memory/pages.js";
import type { Exchange } from "../transport/collective.js";
import { chunkRange, pieceCount, pieceRange } from "./chunks.js";
import { accumulate, sumInRingOrder } from "./sum.js";

/** Up to here arrays go whole. */
export const WHOLE_BYTES = 16 * 1024;

/** Reduces arrays in place, one at a time; keeps the memory that others' values are read into. */
export class BoardAllReduce {
  readonly #board: Board;
  readonly #wholeBytes: number;
  readonly #reductions = new Map<Wire, Reduction<Packed>>();

  constructor(board: Board, wholeBytes = WHOLE_BYTES) {
    this.#board = board;
    this.#wholeBytes = wholeBytes;
  }

  /** Leaves the sum or the mean over all ranks in `data`, with the same bits on every rank, and as the ring's. */
  async reduce(exchange: Exchange, data: Float32Array, op: ReduceOp, wire: Wire = "fp32"): Promise<void> {
    let reduction = this.#reductions.get(wire);
    if (reduction === undefined) {
      reduction = new Reduction(this.#board, this.#wholeBytes, wireFormat(wire));
      this.#reductions.set(wire, reduction);
    }
    await reduction.reduce(exchange, data, op);
  }
}

/** The reductions in one format. */
class Reduction<P extends Packed> {
  readonly #board: Board;
  readonly #format: WireFormat<P>;
  readonly #wholeValues: number;
  readonly #pieceValues: number;
  readonly #scratch: readonly P[];
  readonly #sum: Float32Array;

  constructor(board: Board, wholeBytes: number, format: WireFormat<P>) {
    this.#board = board;
    this.#format = format;
    const { pageBytes, worldSize } = board;
    this.#wholeValues = Math.floor(wholeBytes / format.bytesPerValue);
    // A page holds a piece of every chunk.
    this.#pieceValues = Math.floor(pageBytes / worldSize / format.bytesPerValue);
    const length = Math.max(this.#pieceValues, this.#wholeValues);
    this.#scratch = Array.from({ length: worldSize }, () => format.allocate(length));
    this.#sum = new Float32Array(this.#pieceValues);
  }

  async reduce(exchange: Exchange, data: Float32Array, op: ReduceOp): Promise<void> {
    const scale = this.#format.prepare(data, op === "mean" ? 1 / this.#board.worldSize : 1);
    if (data.length <= this.#wholeValues) await this.#reduceWhole(exchange, data, scale);
    else await this.#reduceInChunks(exchange, data, scale);
  }

  async #reduceWhole(exchange: Exchange, data: Float32Array, scale: number): Promise<void> {
    const board = this.#board;
    const vectors = this.#scratch.map((scratch) => scratch.subarray(0, data.length) as P);
    // A copy, since `data` takes the sum.
    vectors[board.rank].set(this.#format.pack(data));
    board.write(0, vectors[board.rank]);
    await board.meet(exchange);
    for (const [rank, vector] of vectors.entries()) if (rank !== board.rank) board.read(rank, 0, vector);
    sumInRingOrder(data, vectors, this.#format, scale);
  }

  async #reduceInChunks(exchange: Exchange, data: Float32Array, scale: number): Promise<void> {
    const board = this.#board;
    const { rank, worldSize } = board;
    const pieces = pieceCount(chunkRange(data.length, worldSize, worldSize - 1), this.#pieceValues);
    for (let turn = 0; turn <= pieces; turn++) {
      for (let chunk = 0; chunk < worldSize; chunk++) {
        // The owner's slot is free for the sum of the piece before.
        const piece = ownerOf(chunk, worldSize) === rank ? turn - 1 : turn;
        const values = this.#piece(data, chunk, piece);
        if (values.length > 0) board.write(this.#slot(chunk), this.#format.pack(values, this.#scratch[0]));
      }
      await board.meet(exchange);
      this.#addParts(data, turn, scale);
      for (let chunk = 0; chunk < worldSize; chunk++) {
        const owner = ownerOf(chunk, worldSize);
        const values = this.#piece(data, chunk, turn - 1);
        if (owner !== rank && values.length > 0) this.#read(owner, chunk, values);
      }
    }
  }

  /** Sums a piece of this rank's own chunk: the others' parts in the ring's order, its own at last. */
  #addParts(data: Float32Array, piece: number, scale: number): void {
    const { rank, worldSize } = this.#board;
    const chunk = (rank + 1) % worldSize;
    const own = this.#piece(data, chunk, piece);
    if (own.length === 0) return;
    const sum = this.#sum.subarray(0, own.length);
    this.#read(chunk, chunk, sum);
    for (let other = (chunk + 1) % worldSize; other !== rank; other = (other + 1) % worldSize) {
      const part = this.#scratch[0].subarray(0, own.length) as P;
      this.#board.read(other, this.#slot(chunk), part);
      this.#format.add(sum, part, 1);
    }
    accumulate(own, sum, 0, scale);
    this.#format.prepare(own, 1);
  }

  #read(rank: number, chunk: number, values: Float32Array): void {
    const packed = this.#format.landing(values, this.#scratch[0]);
    this.#board.read(rank, this.#slot(chunk), packed);
    this.#format.unpack(packed, values);
  }

  /** Empty where the chunk has no such piece. */
  #piece(data: Float32Array, chunk: number, piece: number): Float32Array {
    const range = chunkRange(data.length, this.#board.worldSize, chunk);
    if (piece < 0 || piece >= pieceCount(range, this.#pieceValues)) return data.subarray(0, 0);
    const { start, end } = pieceRange(range, this.#pieceValues, piece);
    return data.subarray(start, end);
  }

  #slot(chunk: number): number {
    return chunk * this.#pieceValues * this.#format.bytesPerValue;
  }
}

/** The rank at which the ring sums a chunk: it comes there last. */
function ownerOf(chunk: number, worldSize: number): number {
  return (chunk + worldSize - 1) % worldSize;
}
