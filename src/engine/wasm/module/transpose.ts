// A matrix turned over, in blocks of 4 by 4.

/** to[columns, rows] = the transpose of from[rows, columns]. */
export function transpose(to: usize, from: usize, rows: usize, columns: usize): void {
  const down = columns * 4;
  const across = rows * 4;
  let i: usize = 0;
  for (; i + 4 <= rows; i += 4) {
    const s = from + i * down;
    const t = to + i * 4;
    let j: usize = 0;
    for (; j + 4 <= columns; j += 4) {
      const at = s + j * 4;
      const r0 = v128.load(at);
      const r1 = v128.load(at + down);
      const r2 = v128.load(at + 2 * down);
      const r3 = v128.load(at + 3 * down);
      const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      const out = t + j * across;
      v128.store(out, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
      v128.store(out + across, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
      v128.store(out + 2 * across, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
      v128.store(out + 3 * across, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
    }
    for (; j < columns; j++) {
      for (let r: usize = 0; r < 4; r++) store<f32>(t + j * across + r * 4, load<f32>(s + r * down + j * 4));
    }
  }
  for (; i < rows; i++) {
    for (let j: usize = 0; j < columns; j++) {
      store<f32>(to + j * across + i * 4, load<f32>(from + i * down + j * 4));
    }
  }
}
