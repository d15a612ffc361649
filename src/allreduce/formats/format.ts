// What an all-reduce asks of the values' format on their way between ranks. Promises: all ways through a format round
// alike, so that sockets and shared memory give the same bits.

/** Values as they travel. */
export type Packed = Float32Array | Uint16Array;

export interface WireFormat<P extends Packed = Packed> {
  readonly bytesPerValue: number;
  /** Memory for packed values. */
  allocate(length: number): P;
  /** The packed values in `length * bytesPerValue` bytes that begin at a multiple of `bytesPerValue`. */
  view(bytes: Uint8Array, length: number): P;
  /** Rounds `values` in place for their way; returns the factor that is left for the last addition. */
  prepare(values: Float32Array, scale: number): number;
  /** Packs prepared values into `memory`, or into new memory; the result is `values` itself where that needs no work. */
  pack(values: Float32Array, memory?: P): P;
  /** `target` may be the packed memory itself, where {@link WireFormat.sumIn} gave that. */
  unpack(packed: P, target: Float32Array): void;
  /** Where packed values may be read into for `unpack`: `target` itself where that spares a copy. */
  landing(target: Float32Array, scratch: P): P;
  /** Where to add up what is packed into `packed` afterwards: its own memory where that spares a copy. */
  sumIn(packed: P, scratch: Float32Array): Float32Array;
  /** `packed[i] = round((packed[i] + values[offset + i]) * scale)`. */
  addTo(packed: P, values: Float32Array, offset: number, scale: number): void;
  /** `values[i] = round((values[i] + packed[i]) * scale)`, the same number. */
  add(values: Float32Array, packed: P, scale: number): void;
}

/** The packed values' memory, as bytes. */
export function bytesOf(values: Packed): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
