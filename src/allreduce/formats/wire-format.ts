// What a value is on the wire: float32 as it is, or rounded to 16 bits, which halves the bytes and costs precision.
// Promises: all ways through this file round alike, so that both transports give the same bits.
//
// With 16 bits every part and every partial sum is rounded to nearest, ties to even, when it is made: rank r's values
// first, then the sum after each addition, which is done in float32 or better. A mean divides the parts, before they
// are rounded, so that the sum of many ranks does not overflow. A value passes at most W roundings, each with a
// relative error of at most u: with W ranks the result is within about W u (|x1| + ... + |xW|), times 1/W for a mean,
// of the exact one; u = 2^-11 for fp16 and 2^-8 for bf16. Below 2^-14 fp16 errs by up to 2^-25 a rounding instead, and
// above 65504 it has no numbers: what is larger becomes infinite, as do sums. bf16 has float32's range.
import type { Wire } from "../../core/process-group.js";
import { accumulate } from "../algorithms/sum.js";
import { type HalfWire, halvesOf } from "./float16.js";

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
  unpack(packed: P, target: Float32Array): void;
  /** Where packed values may be read into for `unpack`: `target` itself where that spares a copy. */
  landing(target: Float32Array, scratch: P): P;
  /** `packed[i] = round((packed[i] + values[offset + i]) * scale)`. */
  addTo(packed: P, values: Float32Array, offset: number, scale: number): void;
  /** `values[i] = round((values[i] + packed[i]) * scale)`, the same number. */
  add(values: Float32Array, packed: P, scale: number): void;
}

const fp32: WireFormat<Float32Array> = {
  bytesPerValue: 4,
  allocate: (length) => new Float32Array(length),
  view: ({ buffer, byteOffset }, length) => new Float32Array(buffer, byteOffset, length),
  prepare: (_, scale) => scale,
  pack: (values) => values,
  unpack(packed, target) {
    if (packed !== target) target.set(packed);
  },
  landing: (target) => target,
  addTo: accumulate,
  add: (values, packed, scale) => accumulate(values, packed, 0, scale),
};

/** Rounded to 16 bits. */
function sixteenBits(wire: HalfWire): WireFormat<Uint16Array> {
  const run = halvesOf(wire);
  return {
    bytesPerValue: 2,
    allocate: (length) => new Uint16Array(length),
    view: ({ buffer, byteOffset }, length) => new Uint16Array(buffer, byteOffset, length),
    prepare(values, scale) {
      run.round(values, scale);
      return 1;
    },
    pack(values, memory) {
      const packed = memory?.subarray(0, values.length) ?? new Uint16Array(values.length);
      run.pack(values, packed);
      return packed;
    },
    unpack: (packed, target) => run.unpack(packed, target),
    landing: (target, scratch) => scratch.subarray(0, target.length),
    addTo: (packed, values, offset) => run.addTo(packed, values.subarray(offset, offset + packed.length)),
    add: (values, packed) => run.add(values, packed),
  };
}

const formats = new Map<Wire, WireFormat>([["fp32", fp32]]);

/** The format of a wire; those of 16 bits are loaded when they are first asked for. */
export function wireFormat(wire: Wire): WireFormat {
  let format = formats.get(wire);
  if (format === undefined) {
    format = sixteenBits(wire as HalfWire);
    formats.set(wire, format);
  }
  return format;
}
