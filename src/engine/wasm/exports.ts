// The functions that module/index.ts exports, as JavaScript sees them. Addresses and sizes are numbers of bytes or
// elements; see there for what each does.

/** What a convolution's kernels want to know, in the order in which they take it. */
export type Geometry = readonly [
  height: number,
  width: number,
  channels: number,
  filterHeight: number,
  filterWidth: number,
  outHeight: number,
  outWidth: number,
  strideHeight: number,
  strideWidth: number,
  dilationHeight: number,
  dilationWidth: number,
  top: number,
  left: number,
];

export interface KernelExports {
  product(
    c: number,
    a: number,
    b: number,
    m: number,
    n: number,
    k: number,
    rowStrideA: number,
    columnStrideA: number,
  ): void;
  accumulate(
    c: number,
    a: number,
    b: number,
    m: number,
    n: number,
    k: number,
    rowStrideA: number,
    columnStrideA: number,
  ): void;
  transpose(to: number, from: number, rows: number, columns: number): void;
  countNonZero(at: number, count: number): number;
  allFinite(at: number, count: number): number;
  sparseProduct(c: number, a: number, b: number, m: number, n: number, k: number, lists: number): void;
  sparseProductTransposed(
    c: number,
    a: number,
    b: number,
    m: number,
    n: number,
    k: number,
    lists: number,
  ): void;
  addBias(c: number, bias: number, m: number, n: number, relu: boolean): void;
  reluGradient(dz: number, dy: number, y: number, count: number): void;
  columnSums(sums: number, dz: number, m: number, n: number): void;
  crossEntropy(gradient: number, logits: number, targets: number, m: number, n: number): number;
  sgd(w: number, g: number, count: number, c: number): void;
  momentum(w: number, a: number, g: number, count: number, c: number, m: number, nesterov: boolean): void;
  adam(
    w: number,
    m: number,
    v: number,
    g: number,
    count: number,
    c: number,
    keep1: number,
    take1: number,
    keep2: number,
    take2: number,
    left1: number,
    left2: number,
    epsilon: number,
  ): void;
  bytesToUnit(to: number, from: number, count: number): void;
  patches(cols: number, image: number, ...geometry: Geometry): void;
  patchColumns(
    cols: number,
    image: number,
    height: number,
    width: number,
    filterHeight: number,
    filterWidth: number,
    outHeight: number,
    outWidth: number,
    dilationHeight: number,
    dilationWidth: number,
    top: number,
    left: number,
  ): void;
  addPatches(image: number, cols: number, ...geometry: Geometry): void;
  depthwiseGradient(
    toImage: boolean,
    image: number,
    filter: number,
    dy: number,
    multiplier: number,
    ...geometry: Geometry
  ): void;
  maxPoolGradient(
    dx: number,
    x: number,
    dy: number,
    height: number,
    width: number,
    channels: number,
    filterHeight: number,
    filterWidth: number,
    outHeight: number,
    outWidth: number,
    strideHeight: number,
    strideWidth: number,
    top: number,
    left: number,
  ): void;
}
