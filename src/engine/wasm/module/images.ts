// Bytes to numbers.

/** to[count] = from[count] / 255, each rounded to float32; `from` are bytes. */
export function bytesToUnit(to: usize, from: usize, count: usize): void {
  const scale = f32x4.splat(255);
  const whole = count & ~15;
  let i: usize = 0;
  for (; i < whole; i += 16) {
    const bytes = v128.load(from + i);
    const low = i16x8.extend_low_i8x16_u(bytes);
    const high = i16x8.extend_high_i8x16_u(bytes);
    const out = to + i * 4;
    v128.store(out, f32x4.div(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(low)), scale));
    v128.store(out, f32x4.div(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(low)), scale), 16);
    v128.store(out, f32x4.div(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(high)), scale), 32);
    v128.store(out, f32x4.div(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(high)), scale), 48);
  }
  for (; i < count; i++) store<f32>(to + i * 4, <f32>load<u8>(from + i) / 255);
}
