// Adding up whole vectors, in the order that all ways of an all-reduce share: chunk c from rank c on, round the ring.
import type { Packed, WireFormat } from "../formats/format.js";
import { chunkRange } from "./chunks.js";

/** Leaves the scaled sum of all ranks' vectors in `data`; none of them may be its memory. */
export function sumInRingOrder<P extends Packed>(
  data: Float32Array,
  vectors: readonly P[],
  format: WireFormat<P>,
  scale: number,
): void {
  const count = vectors.length;
  for (let chunk = 0; chunk < count; chunk++) {
    const { start, end } = chunkRange(data.length, count, chunk);
    const sum = data.subarray(start, end);
    const part = (owner: number) => vectors[owner % count].subarray(start, end) as P;
    format.unpack(part(chunk), sum);
    for (let step = 1; step < count; step++) {
      format.add(sum, part(chunk + step), step === count - 1 ? scale : 1);
    }
  }
}
