// Float32 matrix products. Every output is its own sum over p = 0, 1, ... k - 1, one multiply and one add each, both
// rounded to float32, so the bits do not depend on the shape's tiling, on the blocking or on the zeros skipped.
//
// Tiles of 2 rows by 16 columns keep 8 accumulators, 4 columns of b and 1 of a in the 16 registers of SSE: 61 GFLOP/s
// where 4x16 (which spills) gave 42 and 4x8 gave 50. A tail is covered by a last tile that overlaps the one before:
// it computes the same numbers again.

/** c[m,n] = a * b. Element (i, p) of `a` is at a + i*ra + p*ca (bytes), b is [k,n] row-major, c [m,n] row-major. */
export function product(
  c: usize,
  a: usize,
  b: usize,
  m: usize,
  n: usize,
  k: usize,
  ra: usize,
  ca: usize,
): void {
  blocks(c, a, b, m, n, k, ra, ca, true);
}

/** c[m,n] += a * b, with the sums going on where they were: products over parts of k give the bits of one over all. */
export function accumulate(
  c: usize,
  a: usize,
  b: usize,
  m: usize,
  n: usize,
  k: usize,
  ra: usize,
  ca: usize,
): void {
  blocks(c, a, b, m, n, k, ra, ca, false);
}

function blocks(
  c: usize,
  a: usize,
  b: usize,
  m: usize,
  n: usize,
  k: usize,
  ra: usize,
  ca: usize,
  fresh: bool,
): void {
  if (m === 0 || n === 0) return;
  // A tile walks down columns of `a` when it is transposed: with k in the thousands (the pixels of a convolution)
  // each step would miss the cache, so k goes in blocks whose part of `a` and `b` stays in it.
  const step = ca > 4 && k > 256 ? <usize>256 : max<usize>(k, 1);
  for (let p: usize = 0; p === 0 || p < k; p += step) {
    const depth = min(step, k - p);
    const first = fresh && p === 0;
    columns(c, a + p * ca, b + p * n * 4, m, n, depth, ra, ca, first, first && step >= k);
  }
}

/** Adds (or, if `first`, sets) the product over one block of k. Tiles may overlap only when the block is the whole. */
function columns(
  c: usize,
  a: usize,
  b: usize,
  m: usize,
  n: usize,
  k: usize,
  ra: usize,
  ca: usize,
  first: bool,
  whole: bool,
): void {
  let j: usize = 0;
  for (; j + 16 <= n; j += 16) rows(16, c, a, b, j, m, n, k, ra, ca, first, whole);
  if (j === n) return;
  if (whole) {
    if (n >= 16) rows(16, c, a, b, n - 16, m, n, k, ra, ca, first, whole);
    else if (n >= 8) {
      rows(8, c, a, b, 0, m, n, k, ra, ca, first, whole);
      if (n > 8) rows(8, c, a, b, n - 8, m, n, k, ra, ca, first, whole);
    } else if (n >= 4) {
      rows(4, c, a, b, 0, m, n, k, ra, ca, first, whole);
      if (n > 4) rows(4, c, a, b, n - 4, m, n, k, ra, ca, first, whole);
    } else for (; j < n; j++) rows(1, c, a, b, j, m, n, k, ra, ca, first, whole);
    return;
  }
  for (; j + 8 <= n; j += 8) rows(8, c, a, b, j, m, n, k, ra, ca, first, whole);
  for (; j + 4 <= n; j += 4) rows(4, c, a, b, j, m, n, k, ra, ca, first, whole);
  for (; j < n; j++) rows(1, c, a, b, j, m, n, k, ra, ca, first, whole);
}

/** All rows of the columns j to j + width - 1, two at a time. */
function rows(
  width: usize,
  c: usize,
  a: usize,
  b: usize,
  j: usize,
  m: usize,
  n: usize,
  k: usize,
  ra: usize,
  ca: usize,
  first: bool,
  whole: bool,
): void {
  const rb = n * 4;
  c += j * 4;
  b += j * 4;
  let i: usize = 0;
  for (; i + 2 <= m; i += 2) tile(width, c + i * rb, a + i * ra, b, k, ra, ca, rb, rb, first);
  if (i === m) return;
  // The odd row: with the one before it, or twice itself (same address, same value).
  if (m > 1 && whole) tile(width, c + (m - 2) * rb, a + (m - 2) * ra, b, k, ra, ca, rb, rb, first);
  else tile(width, c + i * rb, a + i * ra, b, k, 0, ca, rb, 0, first);
}

function tile(
  width: usize,
  c: usize,
  a: usize,
  b: usize,
  k: usize,
  ra: usize,
  ca: usize,
  rb: usize,
  rc: usize,
  first: bool,
): void {
  if (width === 16) tile16(c, a, b, b + k * rb, ra, ca, rb, rc, first);
  else if (width === 8) tile8(c, a, b, b + k * rb, ra, ca, rb, rc, first);
  else if (width === 4) tile4(c, a, b, b + k * rb, ra, ca, rb, rc, first);
  else tile1(c, a, b, b + k * rb, ra, ca, rb, rc, first);
}

function tile16(
  c: usize,
  a: usize,
  b: usize,
  end: usize,
  ra: usize,
  ca: usize,
  rb: usize,
  rc: usize,
  first: bool,
): void {
  const c2 = c + rc;
  const zero = f32x4.splat(0);
  let c00 = zero;
  let c01 = zero;
  let c02 = zero;
  let c03 = zero;
  let c10 = zero;
  let c11 = zero;
  let c12 = zero;
  let c13 = zero;
  if (!first) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c02 = v128.load(c, 32);
    c03 = v128.load(c, 48);
    c10 = v128.load(c2);
    c11 = v128.load(c2, 16);
    c12 = v128.load(c2, 32);
    c13 = v128.load(c2, 48);
  }
  for (; b < end; b += rb) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    let x = v128.load_splat<f32>(a);
    c00 = f32x4.add(c00, f32x4.mul(x, b0));
    c01 = f32x4.add(c01, f32x4.mul(x, b1));
    c02 = f32x4.add(c02, f32x4.mul(x, b2));
    c03 = f32x4.add(c03, f32x4.mul(x, b3));
    x = v128.load_splat<f32>(a + ra);
    c10 = f32x4.add(c10, f32x4.mul(x, b0));
    c11 = f32x4.add(c11, f32x4.mul(x, b1));
    c12 = f32x4.add(c12, f32x4.mul(x, b2));
    c13 = f32x4.add(c13, f32x4.mul(x, b3));
    a += ca;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  v128.store(c2, c10);
  v128.store(c2, c11, 16);
  v128.store(c2, c12, 32);
  v128.store(c2, c13, 48);
}

function tile8(
  c: usize,
  a: usize,
  b: usize,
  end: usize,
  ra: usize,
  ca: usize,
  rb: usize,
  rc: usize,
  first: bool,
): void {
  const c2 = c + rc;
  const zero = f32x4.splat(0);
  let c00 = zero;
  let c01 = zero;
  let c10 = zero;
  let c11 = zero;
  if (!first) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c10 = v128.load(c2);
    c11 = v128.load(c2, 16);
  }
  for (; b < end; b += rb) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<f32>(a);
    c00 = f32x4.add(c00, f32x4.mul(x, b0));
    c01 = f32x4.add(c01, f32x4.mul(x, b1));
    x = v128.load_splat<f32>(a + ra);
    c10 = f32x4.add(c10, f32x4.mul(x, b0));
    c11 = f32x4.add(c11, f32x4.mul(x, b1));
    a += ca;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c2, c10);
  v128.store(c2, c11, 16);
}

function tile4(
  c: usize,
  a: usize,
  b: usize,
  end: usize,
  ra: usize,
  ca: usize,
  rb: usize,
  rc: usize,
  first: bool,
): void {
  const c2 = c + rc;
  let c0 = f32x4.splat(0);
  let c1 = c0;
  if (!first) {
    c0 = v128.load(c);
    c1 = v128.load(c2);
  }
  for (; b < end; b += rb) {
    const b0 = v128.load(b);
    c0 = f32x4.add(c0, f32x4.mul(v128.load_splat<f32>(a), b0));
    c1 = f32x4.add(c1, f32x4.mul(v128.load_splat<f32>(a + ra), b0));
    a += ca;
  }
  v128.store(c, c0);
  v128.store(c2, c1);
}

function tile1(
  c: usize,
  a: usize,
  b: usize,
  end: usize,
  ra: usize,
  ca: usize,
  rb: usize,
  rc: usize,
  first: bool,
): void {
  const c2 = c + rc;
  let c0: f32 = 0;
  let c1: f32 = 0;
  if (!first) {
    c0 = load<f32>(c);
    c1 = load<f32>(c2);
  }
  for (; b < end; b += rb) {
    const b0 = load<f32>(b);
    c0 += load<f32>(a) * b0;
    c1 += load<f32>(a + ra) * b0;
    a += ca;
  }
  store<f32>(c, c0);
  store<f32>(c2, c1);
}

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
