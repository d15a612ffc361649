// Made by scripts/kernel-exports.js (npm run build) from module/*.ts: change those, not this file.

/** Fields of the struct that tells kernels the shapes of a convolution or pooling: int32s in this order. */
export const GEOMETRY = [
  "height",
  "width",
  "channels",
  "filterHeight",
  "filterWidth",
  "outHeight",
  "outWidth",
  "strideHeight",
  "strideWidth",
  "dilationHeight",
  "dilationWidth",
  "top",
  "left",
] as const;

/** The kernels. Addresses are in bytes, sizes in elements; what each does stands where it is written. */
export interface KernelExports {
  addPatches(image: number, cols: number, g: number): void;
  depthwiseGradient(
    toImage: boolean,
    image: number,
    filter: number,
    dy: number,
    multiplier: number,
    g: number,
  ): void;
  patchColumns(cols: number, image: number, g: number): void;
  patches(cols: number, image: number, g: number): void;
  crossEntropy(gradient: number, logits: number, targets: number, m: number, n: number): number;
  addBias(c: number, bias: number, m: number, n: number, relu: boolean): void;
  columnSums(sums: number, dz: number, m: number, n: number): void;
  reluGradient(dz: number, dy: number, y: number, count: number): void;
  maxPoolGradient(dx: number, x: number, dy: number, g: number): void;
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
  momentum(w: number, a: number, g: number, count: number, c: number, m: number, nesterov: boolean): void;
  sgd(w: number, g: number, count: number, c: number): void;
  accumulate(c: number, a: number, b: number, m: number, n: number, k: number, ra: number, ca: number): void;
  product(c: number, a: number, b: number, m: number, n: number, k: number, ra: number, ca: number): void;
  allWithin(at: number, count: number, largest: number): number;
  countNonZero(at: number, count: number): number;
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
  transpose(to: number, from: number, rows: number, columns: number): void;
}
