// All-reduce for ranks of which some share memory: what `ring.ts` computes, bit for bit, in fewer turns and hops.
//
// Short arrays take one turn: every rank publishes its own and adds up all. Longer ones are cut into the ring's chunks.
// On each host a chunk has a carrier: it reads the parts of its host's ranks, adds them in the ring's order and
// publishes the sum, which the others copy: each byte is written once and read once, as in the ring, but in two turns
// instead of 2 (W - 1) hops. Chunks go in pieces that fit the page, and the sums of one piece travel with the parts of
// the next.
//
// With one host each rank carries one chunk, and no message is sent. With several, a carrier gets the sum of the hosts
// before, adds its own host's ranks and sends it on to the chunk's carrier on the next host (`routes.ts`): as many rings
// between hosts as there are chunks, each through another pair of processes. Short arrays go, all of a host's together,
// once round the hosts' first ranks, and a second turn hands out what came.
import type { ReduceOp, Wire } from "../../core/process-group.js";
import { bytesOf, type Packed, type WireFormat } from "../formats/format.js";
import { wireFormat } from "../formats/wire-format.js";
import type { RanksByHost } from "../shared-memory/hosts.js";
import type { Pages } from "../shared-memory/pages.js";
import type { Collective } from "../transport/collective.js";
import type { AllReduce } from "./all-reduce.js";
import { chunkRange, pieceCount, pieceRange } from "./chunks.js";
import { circulateAmong } from "./gather.js";
import { packedIn, SendBuffers } from "./payloads.js";
import { carrierOf, type Task, tasksOf } from "./routes.js";
import { sumInRingOrder } from "./sum.js";

/** Up to here arrays go whole. */
export const WHOLE_BYTES = 16 * 1024;

/** Reduces arrays in place, one at a time; keeps the memory that others' values are read into. */
export class SharedAllReduce implements AllReduce {
  readonly #pages: Pages;
  readonly #hosts: RanksByHost;
  readonly #wholeBytes: number;
  readonly #reductions = new Map<Wire, Reduction<Packed>>();

  /** `pages` are those of this rank's host; all ranks must be given the same hosts and size. */
  constructor(pages: Pages, hosts: RanksByHost, wholeBytes = WHOLE_BYTES) {
    this.#pages = pages;
    this.#hosts = hosts;
    this.#wholeBytes = wholeBytes;
  }

  async reduce(collective: Collective, data: Float32Array, op: ReduceOp, wire: Wire): Promise<void> {
    let reduction = this.#reductions.get(wire);
    if (reduction === undefined) {
      const format = wireFormat(wire);
      reduction = new Reduction(this.#pages, this.#hosts, collective.rank, this.#wholeBytes, format);
      this.#reductions.set(wire, reduction);
    }
    await reduction.reduce(collective, data, op);
  }
}

/** The reductions in one format. */
class Reduction<P extends Packed> {
  readonly #pages: Pages;
  readonly #hosts: RanksByHost;
  readonly #host: readonly number[];
  readonly #rank: number;
  readonly #worldSize: number;
  readonly #format: WireFormat<P>;
  readonly #wholeValues: number;
  readonly #pieceValues: number;
  /** The carrier of each chunk on this host. */
  readonly #carriers: readonly number[];
  readonly #tasks: readonly Task[];
  readonly #scratch: readonly P[];
  readonly #sum: Float32Array;
  readonly #buffers = new SendBuffers();

  constructor(pages: Pages, hosts: RanksByHost, rank: number, wholeBytes: number, format: WireFormat<P>) {
    this.#pages = pages;
    this.#hosts = hosts;
    this.#host = hosts.find((ranks) => ranks.includes(rank)) ?? [];
    this.#rank = rank;
    this.#worldSize = hosts.flat().length;
    this.#format = format;
    // A page holds a piece of every chunk, and the vectors of all that are elsewhere.
    this.#pieceValues = Math.floor(pages.pageBytes / this.#worldSize / format.bytesPerValue);
    const elsewhere = this.#worldSize - Math.min(...hosts.map(({ length }) => length));
    this.#wholeValues = Math.floor(Math.min(wholeBytes, pages.pageBytes / elsewhere) / format.bytesPerValue);
    this.#carriers = Array.from({ length: this.#worldSize }, (_, chunk) => carrierOf(this.#host, chunk));
    this.#tasks = tasksOf(hosts, rank);
    const length = Math.max(this.#pieceValues, this.#wholeValues);
    this.#scratch = Array.from({ length: this.#worldSize }, () => format.allocate(length));
    this.#sum = new Float32Array(this.#pieceValues);
  }

  async reduce(collective: Collective, data: Float32Array, op: ReduceOp): Promise<void> {
    const scale = this.#format.prepare(data, op === "mean" ? 1 / this.#worldSize : 1);
    if (data.length <= this.#wholeValues) await this.#reduceWhole(collective, data, scale);
    else await this.#reduceInChunks(collective, data, scale);
  }

  async #reduceWhole(collective: Collective, data: Float32Array, scale: number): Promise<void> {
    const pages = this.#pages;
    const vectors = this.#scratch.map((scratch) => scratch.subarray(0, data.length) as P);
    // A copy, since `data` takes the sum.
    vectors[this.#rank].set(this.#format.pack(data));
    pages.write(0, vectors[this.#rank]);
    await pages.publishAndWait(collective);
    for (const rank of this.#host) if (rank !== this.#rank) pages.read(rank, 0, vectors[rank]);
    if (this.#hosts.length > 1) await this.#getFromOtherHosts(collective, vectors);
    sumInRingOrder(data, vectors, this.#format, scale);
  }

  /** Fills the vectors of the ranks of other hosts. */
  async #getFromOtherHosts(collective: Collective, vectors: readonly P[]): Promise<void> {
    const bytes = vectors[0].byteLength;
    const first = this.#host[0];
    const isFirst = this.#rank === first;
    if (isFirst) {
      const own = this.#buffers.take(bytes * this.#host.length);
      for (const [place, rank] of this.#host.entries()) own.set(bytesOf(vectors[rank]), bytes * place);
      const firsts = this.#hosts.map(([rank]) => rank);
      const payloads = await circulateAmong(collective, firsts, own);
      for (const [index, host] of this.#hosts.entries()) {
        if (host === this.#host) continue;
        const all = packedIn(payloads[index], vectors[0].length * host.length, this.#format);
        for (const [place, rank] of host.entries()) {
          vectors[rank].set(all.subarray(vectors[0].length * place, vectors[0].length * (place + 1)));
        }
      }
    }
    const elsewhere = vectors.filter((_, rank) => !this.#host.includes(rank));
    if (isFirst) for (const [place, vector] of elsewhere.entries()) this.#pages.write(bytes * place, vector);
    await this.#pages.publishAndWait(collective);
    if (!isFirst)
      for (const [place, vector] of elsewhere.entries()) this.#pages.read(first, bytes * place, vector);
  }

  async #reduceInChunks(collective: Collective, data: Float32Array, scale: number): Promise<void> {
    const [pages, rank, worldSize] = [this.#pages, this.#rank, this.#worldSize];
    const pieces = pieceCount(chunkRange(data.length, worldSize, worldSize - 1), this.#pieceValues);
    for (let turn = 0; turn <= pieces; turn++) {
      for (let chunk = 0; chunk < worldSize; chunk++) {
        // The carrier's slot is free for the sum of the piece before.
        const piece = this.#carriers[chunk] === rank ? turn - 1 : turn;
        const values = this.#piece(data, chunk, piece);
        if (values.length > 0) pages.write(this.#slot(chunk), this.#format.pack(values, this.#scratch[0]));
      }
      await pages.publishAndWait(collective);
      for (const task of this.#tasks) {
        const own = this.#piece(data, task.chunk, turn);
        if (own.length > 0) await this.#carry(collective, task, own, scale);
      }
      for (let chunk = 0; chunk < worldSize; chunk++) {
        const carrier = this.#carriers[chunk];
        const values = this.#piece(data, chunk, turn - 1);
        if (carrier !== rank && values.length > 0) this.#read(carrier, chunk, values);
      }
    }
  }

  /**
   * One stop of a piece: `own` is this rank's part of it, and takes the finished sum. What is sent are messages as they
   * came, or new memory, since zeromq reads it later.
   */
  async #carry(collective: Collective, task: Task, own: Float32Array, scale: number): Promise<void> {
    const { added, from, to, isFinished } = task;
    const format = this.#format;
    let packed: P | null = null;
    if (from !== null) packed = packedIn(await collective.receive(from), own.length, format);
    else if (to !== null) packed = format.allocate(own.length);
    if (added.length > 0) {
      const scratch = this.#sum.subarray(0, own.length);
      const sum = packed === null ? scratch : format.sumIn(packed, scratch);
      if (from !== null && packed !== null) format.unpack(packed, sum);
      const result = this.#add(task, own, sum, isFinished ? scale : 1);
      if (packed !== null) packed = format.pack(result, packed);
      else if (result !== own) own.set(result);
    }
    if (to !== null && packed !== null) await collective.send(to, bytesOf(packed));
    if (isFinished && packed !== null) format.unpack(packed, own);
  }

  /** Adds the parts of this host's ranks to `sum`, or to `own` where that comes last; returns the one of the two. */
  #add({ chunk, added, from, to }: Task, own: Float32Array, sum: Float32Array, scale: number): Float32Array {
    const format = this.#format;
    for (const [place, rank] of added.entries()) {
      const factor = place === added.length - 1 ? scale : 1;
      if (place === 0 && from === null) {
        if (rank === this.#rank) sum.set(own);
        else this.#read(rank, chunk, sum);
      } else if (rank !== this.#rank) {
        const part = this.#scratch[0].subarray(0, own.length) as P;
        this.#pages.read(rank, this.#slot(chunk), part);
        format.add(sum, part, factor);
      } else if (to === null && place === added.length - 1) {
        format.add(own, format.pack(sum, this.#scratch[0]), factor);
        return own;
      } else format.add(sum, format.pack(own, this.#scratch[0]), factor);
    }
    return sum;
  }

  #read(rank: number, chunk: number, values: Float32Array): void {
    const packed = this.#format.landing(values, this.#scratch[0]);
    this.#pages.read(rank, this.#slot(chunk), packed);
    this.#format.unpack(packed, values);
  }

  /** Empty where the chunk has no such piece. */
  #piece(data: Float32Array, chunk: number, piece: number): Float32Array {
    const range = chunkRange(data.length, this.#worldSize, chunk);
    if (piece < 0 || piece >= pieceCount(range, this.#pieceValues)) return data.subarray(0, 0);
    const { start, end } = pieceRange(range, this.#pieceValues, piece);
    return data.subarray(start, end);
  }

  #slot(chunk: number): number {
    return chunk * this.#pieceValues * this.#format.bytesPerValue;
  }
}
