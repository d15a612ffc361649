// What surrounds the products of a dense layer: bias and relu forward, relu's mask and the bias's sum backward.

/** c[m,n] += bias[n] (skipped when bias is 0), then relu if asked; NaN stays NaN. In place. */
export function addBias(c: usize, bias: usize, m: usize, n: usize, relu: bool): void {
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < m; i++) {
    let j: usize = 0;
    for (; j + 4 <= n; j += 4) {
      let y = v128.load(c + j * 4);
      if (bias) y = f32x4.add(y, v128.load(bias + j * 4));
      if (relu) y = f32x4.max(y, zero);
      v128.store(c + j * 4, y);
    }
    for (; j < n; j++) {
      let y = load<f32>(c + j * 4);
      if (bias) y += load<f32>(bias + j * 4);
      if (relu) y = max<f32>(y, 0);
      store<f32>(c + j * 4, y);
    }
    c += n * 4;
  }
}

/** dz = dy where y is not <= 0, else 0: the gradient of relu from its output, as torch's threshold_backward. */
export function reluGradient(dz: usize, dy: usize, y: usize, count: usize): void {
  const zero = f32x4.splat(0);
  const end = dz + count * 4;
  for (; dz + 16 <= end; dz += 16) {
    v128.store(dz, v128.andnot(v128.load(dy), f32x4.le(v128.load(y), zero)));
    dy += 16;
    y += 16;
  }
  for (; dz < end; dz += 4) {
    store<f32>(dz, load<f32>(y) <= 0 ? 0 : load<f32>(dy));
    dy += 4;
    y += 4;
  }
}

/** sums[n] = the columns of dz[m,n] added up from the first row to the last. */
export function columnSums(sums: usize, dz: usize, m: usize, n: usize): void {
  let j: usize = 0;
  for (; j + 4 <= n; j += 4) {
    let sum = f32x4.splat(0);
    let at = dz + j * 4;
    for (let i: usize = 0; i < m; i++) {
      sum = f32x4.add(sum, v128.load(at));
      at += n * 4;
    }
    v128.store(sums + j * 4, sum);
  }
  for (; j < n; j++) {
    let sum: f32 = 0;
    let at = dz + j * 4;
    for (let i: usize = 0; i < m; i++) {
      sum += load<f32>(at);
      at += n * 4;
    }
    store<f32>(sums + j * 4, sum);
  }
}
