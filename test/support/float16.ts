// 16-bit floating point numbers one at a time, in plain JavaScript: what the SIMD conversions are judged by.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);
const INFINITY_BITS = 0x7f800000;

/** IEEE 754 binary16 of a number, to nearest, ties to even. */
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
