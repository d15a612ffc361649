// Convolutions of float32 images [batch, height, width, channels] by matrix products over patches, and their
// gradients: what the wasm backend lacks (Conv2DBackpropFilter, the depthwise ones) or computes slowly.
import type { backend_util, TensorInfo } from "@tensorflow/tfjs-core";
import { tf } from "../tf.js";
import type { Geometry, Kernels } from "./kernels.js";

export type ConvInfo = backend_util.Conv2DInfo;
export type Inputs = Readonly<Record<string, TensorInfo>>;
export type Attributes = Readonly<Record<string, unknown>>;

/** Patches of as many images at a time as fit into the second-level cache with what is computed from them. */
const PATCH_BYTES = 256 * 1024;

/** What tfjs makes of a convolution's attributes. @throws Error for images with the channels first. */
export function conv2dInfo(
  xShape: readonly number[],
  filterShape: readonly number[],
  attrs: Attributes,
): ConvInfo {
  const { strides, pad, dataFormat = "NHWC", dilations = 1, dimRoundingMode } = attrs;
  if (dataFormat !== "NHWC") throw new Error(`the wasm engine's convolutions want NHWC, not ${dataFormat}`);
  type Args = Parameters<typeof backend_util.computeConv2DInfo>;
  return tf.backend_util.computeConv2DInfo(
    xShape as Args[0],
    filterShape as Args[1],
    strides as Args[2],
    dilations as Args[3],
    pad as Args[4],
    dimRoundingMode as Args[5],
  );
}

/** What the kernels want to know of it. */
export function geometryOf(info: ConvInfo): Geometry {
  return {
    height: info.inHeight,
    width: info.inWidth,
    channels: info.inChannels,
    filterHeight: info.filterHeight,
    filterWidth: info.filterWidth,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    dilationHeight: info.dilationHeight,
    dilationWidth: info.dilationWidth,
    top: info.padInfo.top,
    left: info.padInfo.left,
  };
}

/** Conv2D, with bias and relu if asked. */
export function conv2d(
  kernels: Kernels,
  { x, filter, bias }: Inputs,
  info: ConvInfo,
  relu: boolean,
): TensorInfo {
  const out = kernels.output(info.outShape);
  const to = kernels.address(out);
  const weights = kernels.address(filter);
  const { run } = kernels;
  const n = info.outChannels;
  eachPatches(kernels, kernels.address(x), info, ({ cols, row, rows, k, perRow, perColumn }) => {
    const c = to + row * n * 4;
    run.product(c, cols, weights, rows, n, k, perRow, perColumn);
    if (bias || relu) run.addBias(c, bias ? kernels.address(bias) : 0, rows, n, relu);
  });
  return out;
}

/** Conv2DBackpropFilter: patches transposed times dy, summed from the first image's first pixel to the last's last. */
export function conv2dBackpropFilter(kernels: Kernels, { x, dy }: Inputs, attrs: Attributes): TensorInfo {
  const info = conv2dInfo(x.shape, attrs.filterShape as number[], attrs);
  const out = kernels.output(info.filterShape);
  const to = kernels.address(out);
  const from = kernels.address(dy);
  const { run } = kernels;
  const n = info.outChannels;
  const size = info.filterHeight * info.filterWidth * info.inChannels * n;
  kernels.floats(to, size).fill(0);
  eachPatches(kernels, kernels.address(x), info, ({ cols, row, rows, k, perRow, perColumn }) => {
    run.accumulate(to, cols, from + row * n * 4, k, n, rows, perColumn, perRow);
  });
  return out;
}

/** Conv2DBackpropInput: dy times the filter transposed gives the patches' gradients, which are added up. */
export function conv2dBackpropInput(kernels: Kernels, { dy, filter }: Inputs, attrs: Attributes): TensorInfo {
  const info = conv2dInfo(attrs.inputShape as number[], filter.shape, attrs);
  const out = kernels.output(info.inShape);
  const image = info.inHeight * info.inWidth * info.inChannels;
  kernels.floats(kernels.address(out), info.batchSize * image).fill(0);
  backpropInput(
    kernels,
    geometryOf(info),
    info.batchSize,
    info.outChannels,
    kernels.address(out),
    kernels.address(dy),
    kernels.address(filter),
  );
  return out;
}

/** DepthwiseConv2dNativeBackpropFilter (with x given) and -Input (with the filter given). */
export function depthwiseBackprop(
  kernels: Kernels,
  { x, filter, dy }: Inputs,
  attrs: Attributes,
): TensorInfo {
  const xShape = (x?.shape ?? attrs.inputShape) as number[];
  const filterShape = (filter?.shape ?? attrs.filterShape) as number[];
  type Args = Parameters<typeof backend_util.computeConv2DInfo>;
  const info = tf.backend_util.computeConv2DInfo(
    xShape as Args[0],
    filterShape as Args[1],
    attrs.strides as Args[2],
    (attrs.dilations ?? 1) as Args[3],
    attrs.pad as Args[4],
    attrs.dimRoundingMode as Args[5],
    true,
  );
  const toImage = x === undefined;
  const out = kernels.output(toImage ? xShape : filterShape);
  const to = kernels.address(out);
  kernels.floats(to, tf.util.sizeFromShape(out.shape)).fill(0);
  const image = info.inHeight * info.inWidth * info.inChannels * 4;
  const outImage = info.outHeight * info.outWidth * info.outChannels * 4;
  const geometry = kernels.geometry(geometryOf(info));
  for (let b = 0; b < info.batchSize; b++) {
    kernels.run.depthwiseGradient(
      toImage,
      (toImage ? to : kernels.address(x)) + b * image,
      toImage ? kernels.address(filter) : to,
      kernels.address(dy) + b * outImage,
      info.outChannels / info.inChannels,
      geometry,
    );
  }
  return out;
}

/** Adds to the images at `to`. */
export function backpropInput(
  kernels: Kernels,
  geometry: Geometry,
  batch: number,
  n: number,
  to: number,
  dy: number,
  filter: number,
): void {
  const { run } = kernels;
  const k = geometry.filterHeight * geometry.filterWidth * geometry.channels;
  const rows = geometry.outHeight * geometry.outWidth;
  const image = geometry.height * geometry.width * geometry.channels * 4;
  const struct = kernels.geometry(geometry);
  const transposed = kernels.scratch(k * n * 4 + rows * k * 4);
  const cols = transposed + k * n * 4;
  run.transpose(transposed, filter, k, n);
  for (let b = 0; b < batch; b++) {
    run.product(cols, dy + b * rows * n * 4, transposed, rows, k, n, n * 4, 4);
    run.addPatches(to + b * image, cols, struct);
  }
}

/** The patches of some images, as a matrix [rows, k]. */
interface Patches {
  readonly cols: number;
  /** The first patch's number among all. */
  readonly row: number;
  readonly rows: number;
  /** Floats in a patch. */
  readonly k: number;
  /** Bytes from a patch to the next, and from a patch's float to its next. */
  readonly perRow: number;
  readonly perColumn: number;
}

/** Calls `use` with the patches of some images at a time. */
function eachPatches(kernels: Kernels, x: number, info: ConvInfo, use: (patches: Patches) => void): void {
  const k = info.filterHeight * info.filterWidth * info.inChannels;
  const rows = info.outHeight * info.outWidth;
  const image = info.inHeight * info.inWidth * info.inChannels * 4;
  const { batchSize } = info;
  if (isPointwise(info)) {
    use({ cols: x, row: 0, rows: batchSize * rows, k, perRow: k * 4, perColumn: 4 });
    return;
  }
  const geometry = kernels.geometry(geometryOf(info));
  // With one channel, patches side by side are a tenth of the work; one image at a time.
  const sideBySide = info.inChannels === 1 && info.strideHeight === 1 && info.strideWidth === 1;
  const group = sideBySide ? 1 : Math.min(batchSize, Math.max(1, Math.floor(PATCH_BYTES / (rows * k * 4))));
  const cols = kernels.scratch(group * rows * k * 4 + 16);
  for (let b = 0; b < batchSize; b += group) {
    const images = Math.min(group, batchSize - b);
    if (sideBySide) {
      kernels.run.patchColumns(cols, x + b * image, geometry);
      use({ cols, row: b * rows, rows, k, perRow: 4, perColumn: rows * 4 });
      continue;
    }
    for (let i = 0; i < images; i++) {
      kernels.run.patches(cols + i * rows * k * 4, x + (b + i) * image, geometry);
    }
    use({ cols, row: b * rows, rows: images * rows, k, perRow: k * 4, perColumn: 4 });
  }
}

/** A patch is a pixel: the image is its own table of patches. */
function isPointwise(info: ConvInfo): boolean {
  return (
    info.filterHeight === 1 &&
    info.filterWidth === 1 &&
    info.strideHeight === 1 &&
    info.strideWidth === 1 &&
    info.outHeight === info.inHeight &&
    info.outWidth === info.inWidth
  );
}
