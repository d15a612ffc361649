// Softmax cross entropy and its gradient in one pass over the logits.

/**
 * Mean over the rows of `log(sum(exp(x))) - x[target]`; gradient[m,n] = (softmax(x) - onehot(target)) / m.
 * A target outside 0 to n - 1 belongs to no class: its row has no loss, and the gradient of no class is lowered.
 * A row's exponentials are added in four lanes (j mod 4), then lane 0 to 3, then the tail; rows from first to last,
 * in float64.
 */
export function crossEntropy(gradient: usize, logits: usize, targets: usize, m: usize, n: usize): f64 {
  const share: f32 = <f32>(1.0 / <f64>m);
  const whole = n & ~3;
  let total: f64 = 0;
  for (let i: usize = 0; i < m; i++) {
    const top = rowMaximum(logits, n);
    let lanes = f32x4.splat(0);
    let j: usize = 0;
    for (; j < whole; j += 4) {
      const e = exp4(f32x4.sub(v128.load(logits + j * 4), f32x4.splat(top)));
      v128.store(gradient + j * 4, e);
      lanes = f32x4.add(lanes, e);
    }
    let sum = f32x4.extract_lane(lanes, 0);
    sum += f32x4.extract_lane(lanes, 1);
    sum += f32x4.extract_lane(lanes, 2);
    sum += f32x4.extract_lane(lanes, 3);
    for (; j < n; j++) {
      const e = f32x4.extract_lane(exp4(f32x4.splat(load<f32>(logits + j * 4) - top)), 0);
      store<f32>(gradient + j * 4, e);
      sum += e;
    }
    const scale = share / sum;
    for (j = 0; j < whole; j += 4) {
      v128.store(gradient + j * 4, f32x4.mul(v128.load(gradient + j * 4), f32x4.splat(scale)));
    }
    for (; j < n; j++) store<f32>(gradient + j * 4, load<f32>(gradient + j * 4) * scale);
    const target = <usize>load<u32>(targets + i * 4);
    if (target < n) {
      const at = gradient + target * 4;
      store<f32>(at, load<f32>(at) - share);
      total += log(<f64>sum) - (<f64>load<f32>(logits + target * 4) - <f64>top);
    }
    gradient += n * 4;
    logits += n * 4;
  }
  return total / <f64>m;
}

/** NaN if any element is. */
function rowMaximum(x: usize, n: usize): f32 {
  let top: f32 = load<f32>(x);
  for (let j: usize = 1; j < n; j++) top = max<f32>(top, load<f32>(x + j * 4));
  return top;
}

/**
 * exp of four numbers <= 0 (or NaN) within 2 ulp; below -87.3, where exp leaves the normal numbers, 0.
 * exp(x) = 2^k * exp(r), |r| <= ln(2)/2, by the polynomial of Cephes' expf (Moshier 1989).
 */
function exp4(x: v128): v128 {
  const k = f32x4.nearest(f32x4.mul(x, f32x4.splat(<f32>Math.LOG2E)));
  // ln(2) in two parts, of which the first times k is exact.
  let r = f32x4.sub(x, f32x4.mul(k, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(k, f32x4.splat(-2.1219444e-4)));
  let y = f32x4.splat(1.98756915e-4);
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(1.3981999507e-3));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(8.3334519073e-3));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(4.1665795894e-2));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(1.6666665459e-1));
  y = f32x4.add(f32x4.mul(y, r), f32x4.splat(5.0000001201e-1));
  y = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(y, r), r), r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(k), i32x4.splat(127)), 23);
  return v128.andnot(f32x4.mul(y, power), f32x4.lt(x, f32x4.splat(-87.3)));
}

/** Natural logarithm of a number >= 1 (or NaN, or infinity) within 1e-12: 2 * artanh((m - 1) / (m + 1)) + e * ln 2. */
function log(x: f64): f64 {
  if (!(x < Infinity)) return x;
  const bits = reinterpret<u64>(x);
  let e = <i64>(bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > Math.SQRT2) {
    m *= 0.5;
    e += 1;
  }
  const s = (m - 1) / (m + 1);
  const q = s * s;
  let series: f64 = 1.0 / 17;
  series = series * q + 1.0 / 15;
  series = series * q + 1.0 / 13;
  series = series * q + 1.0 / 11;
  series = series * q + 1.0 / 9;
  series = series * q + 1.0 / 7;
  series = series * q + 1.0 / 5;
  series = series * q + 1.0 / 3;
  series = series * q + 1;
  return 2 * s * series + <f64>e * Math.LN2;
}
