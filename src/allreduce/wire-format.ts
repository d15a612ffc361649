// What a value is on the wire: float32 as it is, or rounded to 16 bits, which halves the bytes and costs precision.
// Promises: all ways through this file round alike, so that both transports give the same bits.
//
// With 16 bits every part and every partial sum is rounded to nearest, ties to even, when it is made: rank r's values
// first, then the sum after each addition, which is done in float32 or better. A mean divides the parts, before they
// are rounded, so that the sum of many ranks does not overflow. A value passes at most W roundings, each with a
// relative error of at most u: with W ranks the result is within about W u (|x1| + ... + |xW|), times 1/W for a mean,
// of the exact one; u = 2^-11 for fp16 and 2^-8 for bf16. Below 2^-14 fp16 errs by up to 2^-25 a rounding instead, and
// above 65504 it has no numbers: what is larger becomes infinite, as do sums. bf16 has float32's range.
import type { Wire } from "../core/process-group.js";
import { accumulate } from "./sum.js";

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
  /** The packed values, none of which is rounded by it: `values` itself where that needs no work. */
  pack(values: Float32Array): P;
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

/** `encode` rounds a number to 16 bits, `decode` gives the number that they mean. */
function sixteenBits(
  encode: (value: number) => number,
  decode: (bits: number) => number,
): WireFormat<Uint16Array> {
  return {
    bytesPerValue: 2,
    allocate: (length) => new Uint16Array(length),
    view: ({ buffer, byteOffset }, length) => new Uint16Array(buffer, byteOffset, length),
    prepare(values, scale) {
      for (let i = 0; i < values.length; i++) values[i] = decode(encode(values[i] * scale));
      return 1;
    },
    pack(values) {
      const packed = new Uint16Array(values.length);
      for (let i = 0; i < values.length; i++) packed[i] = encode(values[i]);
      return packed;
    },
    unpack(packed, target) {
      for (let i = 0; i < packed.length; i++) target[i] = decode(packed[i]);
    },
    landing: (target, scratch) => scratch.subarray(0, target.length),
    addTo(packed, values, offset) {
      for (let i = 0; i < packed.length; i++) packed[i] = encode(decode(packed[i]) + values[offset + i]);
    },
    add(values, packed) {
      for (let i = 0; i < packed.length; i++) values[i] = decode(encode(values[i] + decode(packed[i])));
    },
  };
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);
const INFINITY_BITS = 0x7f800000;

/** IEEE 754 binary16 of a number, to nearest, ties to even; its float32 first. */
export function toFloat16(value: number): number {
  float[0] = value;
  const sign = (bits[0] >>> 16) & 0x8000;
  const size = bits[0] & 0x7fffffff;
  if (size > INFINITY_BITS) return sign | 0x7e00;
  // 65520 and more: halfway to the next power of two, which is infinity's place.
  if (size >= 0x477ff000) return sign | 0x7c00;
  // Normal: exponent from bias 127 to bias 15, and 13 bits of the fraction rounded away.
  if (size >= 0x38800000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  // Below 2^-14, multiples of 2^-24, which is the step of float32 above 0.5.
  float[0] = Math.abs(float[0]) + 0.5;
  return sign | (bits[0] - 0x3f000000);
}

let float16Values: Float32Array | null = null;

/** The number that binary16 bits mean. */
export function fromFloat16(half: number): number {
  float16Values ??= Float32Array.from({ length: 65536 }, (_, each) => float16Value(each));
  return float16Values[half];
}

function float16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The upper half of float32's bits, to nearest, ties to even. */
export function toBfloat16(value: number): number {
  float[0] = value;
  const all = bits[0];
  if ((all & 0x7fffffff) > INFINITY_BITS) return (all >>> 16) | 0x40;
  return ((all + 0x7fff + ((all >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number that bfloat16 bits mean. */
export function fromBfloat16(half: number): number {
  bits[0] = half << 16;
  return float[0];
}

export const WIRE_FORMATS: Readonly<Record<Wire, WireFormat>> = {
  fp32,
  fp16: sixteenBits(toFloat16, fromFloat16),
  bf16: sixteenBits(toBfloat16, fromBfloat16),
};
