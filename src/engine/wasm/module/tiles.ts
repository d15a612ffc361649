// The innermost loops of products: tiles of 2 rows by 16, 8, 4 columns or 1, each with its sums in registers.
//
// Tiles of 2 rows by 16 columns keep 8 accumulators, 4 columns of b and 1 of a in the 16 registers of SSE: 61 GFLOP/s
// where 4x16 (which spills) gave 42 and 4x8 gave 50.

/**
 * Two rows by `width` columns of c, from k steps down b. Strides are bytes: `ra` from a row of `a` to the next and
 * `ca` from a column to the next, `rb` and `rc` from a row of b and c to the next. `first` starts sums at zero, else
 * they go on from c.
 */
export function tile(
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
