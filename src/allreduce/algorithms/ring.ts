// All-reduce of a float32 array over W ranks that each talk to two neighbours only.
//
//        ┌──▶ rank 0 ──▶ rank 1 ──┐        The array is cut into W chunks. Every rank sends to the next and
//        └─── rank 3 ◀── rank 2 ◀─┘        receives from the previous, at all steps at once.
//
// Phase 1, reduce-scatter, W - 1 steps: a chunk travels W - 1 hops, and each rank it comes to adds its own part.
// After that every chunk is summed in full at exactly one rank, its owner; for a mean the owner scales it, once.
// Phase 2, all-gather, W - 1 steps: the finished chunks travel on, and every rank copies what comes by.
// At step t, counted through both phases, rank r sends chunk r - t and receives chunk r - t - 1 (modulo W). W = 4:
//
//                        reduce-scatter          all-gather
//             step    0       1       2       3       4       5       (sent > received)
//           rank 0   0 > 3   3 > 2   2 > 1   1 > 0   0 > 3   3 > 2    owner of chunk 1 after step 2
//           rank 1   1 > 0   0 > 3   3 > 2   2 > 1   1 > 0   0 > 3    owner of chunk 2
//           rank 2   2 > 1   1 > 0   0 > 3   3 > 2   2 > 1   1 > 0    owner of chunk 3
//           rank 3   3 > 2   2 > 1   1 > 0   0 > 3   3 > 2   2 > 1    owner of chunk 0
//
// On the wire each rank sends 2 (W - 1) / W times the array: less than twice, whatever W. That is the least there is,
// but it takes 2 (W - 1) hops one after another. Short arrays are all hops (some 100 us each) and no bytes, so they
// circulate whole: W - 1 hops, (W - 1) times the array, and every rank adds up all vectors.
//
// Same bits everywhere: chunk c is added up from rank c on, either way; arrival times never matter. What a value is on
// the way, 4 bytes or 2, is `wire-format.ts`.
import { RunError } from "../../core/errors.js";
import type { ReduceOp, Wire } from "../../core/process-group.js";
import { type Packed, type WireFormat, wireFormat } from "../formats/wire-format.js";
import type { Exchange } from "../transport/collective.js";
import { chunkRange, chunkReceived, chunkSent, phaseSteps, pieceCount, pieceRange } from "./chunks.js";
import { circulate } from "./gather.js";
import { sumInRingOrder } from "./sum.js";

/**
 * Up to here arrays circulate whole. Measured on 2 cores over ipc: at 5 KB 85 instead of 135 us with 2 ranks, 290
 * instead of 490 with 4; both ways are equal near 400 KB with 2 ranks and near 40 KB with 4.
 */
export const WHOLE_BYTES = 32 * 1024;

/**
 * Chunks travel in pieces of 256 KB, so that a rank adds one piece while the next is on its way: 35 instead of 46 ms
 * for 40 MB with 2 ranks. 64 KB pieces are slower again, and more than 1 MB stop overlapping.
 */
const PIECE_VALUES = 65536;

/** Reduces arrays in place, one at a time; keeps the buffers that short arrays are sent from. */
export class RingAllReduce {
  readonly #wholeBytes: number;
  readonly #pieceValues: number;
  readonly #buffers = [new Uint8Array(0), new Uint8Array(0)];
  #turn = 0;

  /** All ranks must be given the same sizes. */
  constructor({ wholeBytes = WHOLE_BYTES, pieceValues = PIECE_VALUES } = {}) {
    this.#wholeBytes = wholeBytes;
    this.#pieceValues = pieceValues;
  }

  /** Leaves the sum or the mean over all ranks in `data`, with the same bits on every rank. */
  async reduce(exchange: Exchange, data: Float32Array, op: ReduceOp, wire: Wire): Promise<void> {
    // The sum and the mean of one rank's values are these values.
    if (exchange.worldSize === 1) return;
    const format = wireFormat(wire);
    const scale = format.prepare(data, op === "mean" ? 1 / exchange.worldSize : 1);
    if (data.length * format.bytesPerValue <= this.#wholeBytes) {
      await reduceWhole(exchange, data, format, scale, this.#copy(bytesOf(format.pack(data))));
    } else await reduceInChunks(exchange, data, format, scale, this.#pieceValues);
  }

  /**
   * A copy to send from, since the caller may refill `data` before zeromq has read it. Two buffers in turn are
   * enough: to finish all-reduce k + 1 a rank needs every other's vector of k + 1, and they sent it after they had
   * received everything of k; so in k + 2 nobody reads the buffer of k any more.
   */
  #copy(data: Uint8Array): Uint8Array {
    this.#turn = 1 - this.#turn;
    if (this.#buffers[this.#turn].byteLength < data.byteLength) {
      this.#buffers[this.#turn] = new Uint8Array(data.byteLength);
    }
    const copy = this.#buffers[this.#turn].subarray(0, data.byteLength);
    copy.set(data);
    return copy;
  }
}

async function reduceWhole(
  exchange: Exchange,
  data: Float32Array,
  format: WireFormat,
  scale: number,
  own: Uint8Array,
): Promise<void> {
  const payloads = await circulate(exchange, own);
  const vectors = payloads.map((payload) => packedIn(payload, data.length, format));
  sumInRingOrder(data, vectors, format, scale);
}

/**
 * Nothing is copied to be sent. The first chunk goes out from `data` itself: its sum comes back only after the next
 * rank has read it, so it is safe to overwrite then, and to refill after. All else that is sent are messages as they
 * were received, added to in place, which nobody else holds.
 */
async function reduceInChunks(
  exchange: Exchange,
  data: Float32Array,
  format: WireFormat,
  scale: number,
  pieceValues: number,
): Promise<void> {
  const { rank, worldSize } = exchange;
  const lastReduce = phaseSteps(worldSize) - 1;
  const lastGather = lastReduce + phaseSteps(worldSize);

  const first = chunkRange(data.length, worldSize, chunkSent(rank, 0, worldSize));
  for (let piece = 0; piece < pieceCount(first, pieceValues); piece++) {
    const { start, end } = pieceRange(first, pieceValues, piece);
    await exchange.send(bytesOf(format.pack(data.subarray(start, end))));
  }
  // What arrives at one step is what leaves at the next: each piece is sent on as soon as it is added to.
  for (let step = 0; step <= lastGather; step++) {
    const chunk = chunkRange(data.length, worldSize, chunkReceived(rank, step, worldSize));
    for (let piece = 0; piece < pieceCount(chunk, pieceValues); piece++) {
      const { start, end } = pieceRange(chunk, pieceValues, piece);
      const values = packedIn(await exchange.receive(), end - start, format);
      if (step <= lastReduce) format.addTo(values, data, start, step === lastReduce ? scale : 1);
      if (step < lastGather) await exchange.send(bytesOf(values));
      if (step >= lastReduce) format.unpack(values, data.subarray(start, end));
    }
  }
}

function bytesOf(values: Packed): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The payload's values: the same memory where it is aligned, as zeromq's larger messages are, else a copy. */
function packedIn(payload: Uint8Array, length: number, format: WireFormat): Packed {
  if (payload.byteLength !== length * format.bytesPerValue) {
    throw new RunError(
      `a rank sent ${payload.byteLength} bytes for ${length} values; do all ranks run one version?`,
    );
  }
  const isAligned = payload.byteOffset % format.bytesPerValue === 0;
  return format.view(isAligned ? payload : new Uint8Array(payload), length);
}
