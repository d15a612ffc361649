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
// the way, 4 bytes or 2, is `formats/`.
import type { ReduceOp, Wire } from "../../core/process-group.js";
import { bytesOf, type WireFormat } from "../formats/format.js";
import { wireFormat } from "../formats/wire-format.js";
import type { Collective } from "../transport/collective.js";
import type { AllReduce } from "./all-reduce.js";
import {
  chunkRange,
  chunkReceived,
  chunkSent,
  nextRank,
  phaseSteps,
  pieceCount,
  pieceRange,
  previousRank,
} from "./chunks.js";
import { circulate } from "./gather.js";
import { packedIn, SendBuffers } from "./payloads.js";
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
export class RingAllReduce implements AllReduce {
  readonly #wholeBytes: number;
  readonly #pieceValues: number;
  readonly #buffers = new SendBuffers();

  /** All ranks must be given the same sizes. */
  constructor({ wholeBytes = WHOLE_BYTES, pieceValues = PIECE_VALUES } = {}) {
    this.#wholeBytes = wholeBytes;
    this.#pieceValues = pieceValues;
  }

  async reduce(collective: Collective, data: Float32Array, op: ReduceOp, wire: Wire): Promise<void> {
    // The sum and the mean of one rank's values are these values.
    if (collective.worldSize === 1) return;
    const format = wireFormat(wire);
    const scale = format.prepare(data, op === "mean" ? 1 / collective.worldSize : 1);
    if (data.length * format.bytesPerValue <= this.#wholeBytes) {
      const packed = bytesOf(format.pack(data));
      // A copy, since the caller may refill `data` before zeromq has read it.
      const own = this.#buffers.take(packed.byteLength);
      own.set(packed);
      await reduceWhole(collective, data, format, scale, own);
    } else await reduceInChunks(collective, data, format, scale, this.#pieceValues);
  }
}

async function reduceWhole(
  collective: Collective,
  data: Float32Array,
  format: WireFormat,
  scale: number,
  own: Uint8Array,
): Promise<void> {
  const payloads = await circulate(collective, own);
  const vectors = payloads.map((payload) => packedIn(payload, data.length, format));
  sumInRingOrder(data, vectors, format, scale);
}

/**
 * Nothing is copied to be sent. The first chunk goes out from `data` itself: its sum comes back only after the next
 * rank has read it, so it is safe to overwrite then, and to refill after. All else that is sent are messages as they
 * were received, added to in place, which nobody else holds.
 */
async function reduceInChunks(
  collective: Collective,
  data: Float32Array,
  format: WireFormat,
  scale: number,
  pieceValues: number,
): Promise<void> {
  const { rank, worldSize } = collective;
  const [next, previous] = [nextRank(rank, worldSize), previousRank(rank, worldSize)];
  const lastReduce = phaseSteps(worldSize) - 1;
  const lastGather = lastReduce + phaseSteps(worldSize);

  const first = chunkRange(data.length, worldSize, chunkSent(rank, 0, worldSize));
  for (let piece = 0; piece < pieceCount(first, pieceValues); piece++) {
    const { start, end } = pieceRange(first, pieceValues, piece);
    await collective.send(next, bytesOf(format.pack(data.subarray(start, end))));
  }
  // What arrives at one step is what leaves at the next: each piece is sent on as soon as it is added to.
  for (let step = 0; step <= lastGather; step++) {
    const chunk = chunkRange(data.length, worldSize, chunkReceived(rank, step, worldSize));
    for (let piece = 0; piece < pieceCount(chunk, pieceValues); piece++) {
      const { start, end } = pieceRange(chunk, pieceValues, piece);
      const values = packedIn(await collective.receive(previous), end - start, format);
      if (step <= lastReduce) format.addTo(values, data, start, step === lastReduce ? scale : 1);
      if (step < lastGather) await collective.send(next, bytesOf(values));
      if (step >= lastReduce) format.unpack(values, data.subarray(start, end));
    }
  }
}
