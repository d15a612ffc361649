// Float32 matrix products. Every output is its own sum over p = 0, 1, ... k - 1, one multiply and one add each, both
// rounded to float32, so the bits do not depend on the shape's tiling, on the blocking or on the zeros skipped.
// This file cuts a product into blocks and tiles. A tail is covered by a last tile that overlaps the one before: it
// computes the same numbers again.

import { tile } from "./tiles";

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
