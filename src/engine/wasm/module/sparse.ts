// The products of a left operand that is mostly zeros (four fifths of an MNIST image, say): its nonzero elements are
// listed first, then only they are multiplied. A zero adds +0 or -0 to a sum that is never -0, which changes no bit;
// only zero times infinity or NaN would, and `allWithin` lets the caller rule that out. With the 19% of MNIST, 32x784
// by 784x128 takes 40 us instead of 105. Wants 32 columns or more.

/** Number of elements that are not zero, of `count` floats at `at`. */
export function countNonZero(at: usize, count: usize): u32 {
  let lanes = i32x4.splat(0);
  const end = at + count * 4;
  for (; at + 16 <= end; at += 16) lanes = i32x4.sub(lanes, f32x4.ne(v128.load(at), f32x4.splat(0)));
  let total = <u32>i32x4.extract_lane(lanes, 0);
  total += <u32>i32x4.extract_lane(lanes, 1);
  total += <u32>i32x4.extract_lane(lanes, 2);
  total += <u32>i32x4.extract_lane(lanes, 3);
  for (; at < end; at += 4) total += u32(load<f32>(at) !== 0);
  return total;
}

/** Whether no value is above `largest` in size; NaN is. Bits of floats without their sign are in the floats' order. */
export function allWithin(at: usize, count: usize, largest: f32): bool {
  const size = i32x4.splat(0x7fffffff);
  let most1 = i32x4.splat(0);
  let most2 = most1;
  let most3 = most1;
  let most4 = most1;
  const end = at + count * 4;
  for (; at + 64 <= end; at += 64) {
    most1 = i32x4.max_s(most1, v128.and(v128.load(at), size));
    most2 = i32x4.max_s(most2, v128.and(v128.load(at, 16), size));
    most3 = i32x4.max_s(most3, v128.and(v128.load(at, 32), size));
    most4 = i32x4.max_s(most4, v128.and(v128.load(at, 48), size));
  }
  const limit = reinterpret<i32>(largest);
  const most = i32x4.max_s(i32x4.max_s(most1, most2), i32x4.max_s(most3, most4));
  if (v128.any_true(i32x4.gt_s(most, i32x4.splat(limit)))) return false;
  for (; at < end; at += 4) if ((load<i32>(at) & 0x7fffffff) > limit) return false;
  return true;
}

/** c[m,n] = a[m,k] * b[k,n], all row-major, n at least 32; `lists` is scratch of 8 * k bytes. */
export function sparseProduct(
  c: usize,
  a: usize,
  b: usize,
  m: usize,
  n: usize,
  k: usize,
  lists: usize,
): void {
  const rb = <u32>(n * 4);
  const even = k & ~3;
  for (let i: usize = 0; i < m; i++) {
    let list = lists;
    let row: u32 = 0;
    let p: usize = 0;
    for (; p < even; p += 4) {
      const x = v128.load(a + p * 4);
      if (v128.any_true(f32x4.ne(x, f32x4.splat(0)))) {
        // Written always and kept only if it counts: no branch to mispredict.
        list = append(list, row, f32x4.extract_lane(x, 0));
        list = append(list, row + rb, f32x4.extract_lane(x, 1));
        list = append(list, row + 2 * rb, f32x4.extract_lane(x, 2));
        list = append(list, row + 3 * rb, f32x4.extract_lane(x, 3));
      }
      row += 4 * rb;
    }
    for (; p < k; p++) {
      list = append(list, row, load<f32>(a + p * 4));
      row += rb;
    }
    combineRow(c, lists, list, b, n);
    a += k * 4;
    c += n * 4;
  }
}

/**
 * c[m,n] = transpose of a[k,m] * b[k,n], all row-major, m at least 16, n at least 32; `lists` is scratch of
 * 128 * k + 64 bytes: 16 columns of `a` are listed at a time.
 */
export function sparseProductTransposed(
  c: usize,
  a: usize,
  b: usize,
  m: usize,
  n: usize,
  k: usize,
  lists: usize,
): void {
  const rb = <u32>(n * 4);
  const room = k * 8;
  const ends = lists + 16 * room;
  for (let i: usize = 0; i < m; i += 16) {
    if (i + 16 > m) i = m - 16;
    for (let q: usize = 0; q < 16; q++) store<u32>(ends + q * 4, <u32>(lists + q * room));
    let at = a + i * 4;
    let row: u32 = 0;
    for (let p: usize = 0; p < k; p++) {
      for (let q: usize = 0; q < 64; q += 16) {
        const x = v128.load(at + q);
        if (v128.any_true(f32x4.ne(x, f32x4.splat(0)))) {
          const end = ends + q;
          store<u32>(end, <u32>append(load<u32>(end), row, f32x4.extract_lane(x, 0)));
          store<u32>(end, <u32>append(load<u32>(end, 4), row, f32x4.extract_lane(x, 1)), 4);
          store<u32>(end, <u32>append(load<u32>(end, 8), row, f32x4.extract_lane(x, 2)), 8);
          store<u32>(end, <u32>append(load<u32>(end, 12), row, f32x4.extract_lane(x, 3)), 12);
        }
      }
      at += m * 4;
      row += rb;
    }
    for (let q: usize = 0; q < 16; q++) {
      combineRow(c + (i + q) * n * 4, lists + q * room, load<u32>(ends + q * 4), b, n);
    }
  }
}

/** Puts (row offset, value) at `list`; returns the list's end, which moves only if the value is not zero. */
function append(list: usize, row: u32, value: f32): usize {
  store<u32>(list, row);
  store<f32>(list, value, 4);
  return list + (usize(value !== 0) << 3);
}

/** c[n] = the sum of listed values times the listed rows of b. */
function combineRow(c: usize, list: usize, end: usize, b: usize, n: usize): void {
  let j: usize = 0;
  for (; j + 32 <= n; j += 32) combine32(c + j * 4, list, end, b + j * 4);
  if (j < n) combine32(c + (n - 32) * 4, list, end, b + (n - 32) * 4);
}

function combine32(c: usize, list: usize, end: usize, b: usize): void {
  let c0 = f32x4.splat(0);
  let c1 = c0;
  let c2 = c0;
  let c3 = c0;
  let c4 = c0;
  let c5 = c0;
  let c6 = c0;
  let c7 = c0;
  for (; list < end; list += 8) {
    const row = b + load<u32>(list);
    const x = v128.load_splat<f32>(list, 4);
    c0 = f32x4.add(c0, f32x4.mul(x, v128.load(row)));
    c1 = f32x4.add(c1, f32x4.mul(x, v128.load(row, 16)));
    c2 = f32x4.add(c2, f32x4.mul(x, v128.load(row, 32)));
    c3 = f32x4.add(c3, f32x4.mul(x, v128.load(row, 48)));
    c4 = f32x4.add(c4, f32x4.mul(x, v128.load(row, 64)));
    c5 = f32x4.add(c5, f32x4.mul(x, v128.load(row, 80)));
    c6 = f32x4.add(c6, f32x4.mul(x, v128.load(row, 96)));
    c7 = f32x4.add(c7, f32x4.mul(x, v128.load(row, 112)));
  }
  v128.store(c, c0);
  v128.store(c, c1, 16);
  v128.store(c, c2, 32);
  v128.store(c, c3, 48);
  v128.store(c, c4, 64);
  v128.store(c, c5, 80);
  v128.store(c, c6, 96);
  v128.store(c, c7, 112);
}
