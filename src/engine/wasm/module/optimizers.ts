// Optimizer steps in place: the same operations in the same order as tfjs's own, each rounded to float32, so that
// the bits are the same. Divisions and square roots are exact in IEEE 754.

/** w += c * g, where c is minus the learning rate. */
export function sgd(w: usize, g: usize, count: usize, c: f32): void {
  const cs = f32x4.splat(c);
  const end = w + count * 4;
  for (; w + 16 <= end; w += 16) {
    v128.store(w, f32x4.add(f32x4.mul(cs, v128.load(g)), v128.load(w)));
    g += 16;
  }
  for (; w < end; w += 4) {
    store<f32>(w, c * load<f32>(g) + load<f32>(w));
    g += 4;
  }
}

/** a = m * a + g; w += c * a, or with Nesterov's momentum w += c * (g + a * m). */
export function momentum(w: usize, a: usize, g: usize, count: usize, c: f32, m: f32, nesterov: bool): void {
  const cs = f32x4.splat(c);
  const ms = f32x4.splat(m);
  const end = w + count * 4;
  for (; w + 16 <= end; w += 16) {
    const grad = v128.load(g);
    const next = f32x4.add(f32x4.mul(ms, v128.load(a)), grad);
    const step = nesterov ? f32x4.add(grad, f32x4.mul(next, ms)) : next;
    v128.store(a, next);
    v128.store(w, f32x4.add(f32x4.mul(cs, step), v128.load(w)));
    a += 16;
    g += 16;
  }
  for (; w < end; w += 4) {
    const grad = load<f32>(g);
    const next = m * load<f32>(a) + grad;
    const step = nesterov ? grad + next * m : next;
    store<f32>(a, next);
    store<f32>(w, c * step + load<f32>(w));
    a += 4;
    g += 4;
  }
}

/**
 * Adam (Kingma and Ba 2015): m and v are the moments, `left1` and `left2` are 1 - beta^t, and c minus the learning
 * rate. `keep` is beta and `take` 1 - beta, each rounded from float64 on its own, as tfjs does.
 */
export function adam(
  w: usize,
  m: usize,
  v: usize,
  g: usize,
  count: usize,
  c: f32,
  keep1: f32,
  take1: f32,
  keep2: f32,
  take2: f32,
  left1: f32,
  left2: f32,
  epsilon: f32,
): void {
  const end = w + count * 4;
  for (; w + 16 <= end; w += 16) {
    const grad = v128.load(g);
    const first = f32x4.add(f32x4.mul(v128.load(m), f32x4.splat(keep1)), f32x4.mul(grad, f32x4.splat(take1)));
    const second = f32x4.add(
      f32x4.mul(v128.load(v), f32x4.splat(keep2)),
      f32x4.mul(f32x4.mul(grad, grad), f32x4.splat(take2)),
    );
    v128.store(m, first);
    v128.store(v, second);
    const root = f32x4.add(f32x4.sqrt(f32x4.div(second, f32x4.splat(left2))), f32x4.splat(epsilon));
    const step = f32x4.mul(f32x4.div(f32x4.div(first, f32x4.splat(left1)), root), f32x4.splat(c));
    v128.store(w, f32x4.add(step, v128.load(w)));
    m += 16;
    v += 16;
    g += 16;
  }
  for (; w < end; w += 4) {
    const grad = load<f32>(g);
    const first = load<f32>(m) * keep1 + grad * take1;
    const second = load<f32>(v) * keep2 + grad * grad * take2;
    store<f32>(m, first);
    store<f32>(v, second);
    const root = sqrt<f32>(second / left2) + epsilon;
    store<f32>(w, (first / left1 / root) * c + load<f32>(w));
    m += 4;
    v += 4;
    g += 4;
  }
}
