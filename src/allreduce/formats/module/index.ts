// What 16-bit wires need of SIMD (AssemblyScript, compiled by scripts/build.js to dist/allreduce/float16.wasm). Counts
// are rounded up to 4 values: the memory has room for that. Promises: every rounding is to nearest, ties to even, and
// NaN stays NaN. A conversion is written into its only loop: the compiler would not inline it into several.

/** IEEE 754 binary16. */
export function packFp16(bits16: usize, floats: usize, count: i32): void {
  for (const end = floats + count * 4; floats < end; floats += 16) {
    const x = v128.load(floats);
    const sign = v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000));
    const size = v128.and(x, i32x4.splat(0x7fffffff));
    // Exponent from bias 127 to bias 15, and 13 bits of the fraction rounded away.
    const odd = v128.and(i32x4.shr_u(size, 13), i32x4.splat(1));
    const normal = i32x4.shr_u(i32x4.add(i32x4.add(size, i32x4.splat(0xfff - 0x38000000)), odd), 13);
    // Below 2^-14, multiples of 2^-24, which is the step of float32 from 0.5 on.
    const small = i32x4.sub(f32x4.add(size, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
    // From 65520 on, halfway to where the next power of two would be, infinity.
    const isNan = i32x4.gt_s(size, i32x4.splat(0x7f800000));
    const large = v128.bitselect(i32x4.splat(0x7e00), i32x4.splat(0x7c00), isNan);
    const finite = v128.bitselect(small, normal, i32x4.lt_s(size, i32x4.splat(0x38800000)));
    const isLarge = i32x4.ge_s(size, i32x4.splat(0x477ff000));
    const packed = v128.or(sign, v128.bitselect(large, finite, isLarge));
    v128.store64_lane(bits16, i16x8.narrow_i32x4_u(packed, packed), 0);
    bits16 += 8;
  }
}

export function unpackFp16(floats: usize, bits16: usize, count: i32): void {
  for (const end = floats + count * 4; floats < end; floats += 16) {
    const packed = v128.load_ext<u16>(bits16);
    const sign = i32x4.shl(v128.and(packed, i32x4.splat(0x8000)), 16);
    const size = i32x4.shl(v128.and(packed, i32x4.splat(0x7fff)), 13);
    const exponent = v128.and(size, i32x4.splat(0x0f800000));
    const normal = i32x4.add(size, i32x4.splat(112 << 23));
    const isLarge = i32x4.eq(exponent, i32x4.splat(0x0f800000));
    const large = i32x4.add(normal, i32x4.splat(112 << 23));
    // Without an exponent the fraction counts 2^-24: as a fraction above 2^-14, less 2^-14.
    const isSmall = i32x4.eq(exponent, i32x4.splat(0));
    const small = f32x4.sub(i32x4.add(size, i32x4.splat(113 << 23)), i32x4.splat(113 << 23));
    v128.store(floats, v128.or(sign, v128.bitselect(small, v128.bitselect(large, normal, isLarge), isSmall)));
    bits16 += 8;
  }
}

/** bfloat16: the upper half of a float32. */
export function packBf16(bits16: usize, floats: usize, count: i32): void {
  for (const end = floats + count * 4; floats < end; floats += 16) {
    const x = v128.load(floats);
    const upper = i32x4.shr_u(x, 16);
    const odd = v128.and(upper, i32x4.splat(1));
    const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, i32x4.splat(0x7fff)), odd), 16);
    const isNan = i32x4.gt_s(v128.and(x, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000));
    const packed = v128.bitselect(v128.or(upper, i32x4.splat(0x40)), rounded, isNan);
    v128.store64_lane(bits16, i16x8.narrow_i32x4_u(packed, packed), 0);
    bits16 += 8;
  }
}

export function unpackBf16(floats: usize, bits16: usize, count: i32): void {
  for (const end = floats + count * 4; floats < end; floats += 16) {
    v128.store(floats, i32x4.shl(v128.load_ext<u16>(bits16), 16));
    bits16 += 8;
  }
}

/** sum += part. */
export function add(sum: usize, part: usize, count: i32): void {
  for (const end = sum + count * 4; sum < end; sum += 16) {
    v128.store(sum, f32x4.add(v128.load(sum), v128.load(part)));
    part += 16;
  }
}

/** floats *= factor. */
export function scale(floats: usize, count: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (const end = floats + count * 4; floats < end; floats += 16) {
    v128.store(floats, f32x4.mul(v128.load(floats), factors));
  }
}
