// Gradients of max pooling (the wasm backend's passes nothing where a window has no positive value) and of gathering
// (which it lacks).
import type { backend_util, TensorInfo } from "@tensorflow/tfjs-core";
import { tf } from "../tf.js";
import { type Attributes, type ConvInfo, geometryOf, type Inputs } from "./convolution.js";
import type { Kernels } from "./kernels.js";

/** MaxPoolGrad: each dy goes to the first largest element of its window. */
export function maxPoolGrad(kernels: Kernels, { dy, input }: Inputs, attrs: Attributes): TensorInfo {
  type Args = Parameters<typeof backend_util.computePool2DInfo>;
  const info = tf.backend_util.computePool2DInfo(
    input.shape as Args[0],
    attrs.filterSize as Args[1],
    attrs.strides as Args[2],
    1,
    attrs.pad as Args[4],
    attrs.dimRoundingMode as Args[5],
  ) as ConvInfo;
  const dx = kernels.output(input.shape);
  const [to, from, given] = [dx, input, dy].map((tensor) => kernels.address(tensor));
  const image = info.inHeight * info.inWidth * info.inChannels;
  const outImage = info.outHeight * info.outWidth * info.inChannels;
  const geometry = kernels.geometry(geometryOf(info));
  kernels.floats(to, info.batchSize * image).fill(0);
  for (let b = 0; b < info.batchSize; b++) {
    const at = b * image * 4;
    kernels.run.maxPoolGradient(to + at, from + at, given + b * outImage * 4, geometry);
  }
  return dx;
}

/** UnsortedSegmentSum: rows of x added up by segment, in their order; ids outside 0 to numSegments - 1 are left out. */
export function unsortedSegmentSum(
  kernels: Kernels,
  { x, segmentIds }: Inputs,
  attrs: Attributes,
): TensorInfo | null {
  if (x.dtype !== "float32" && x.dtype !== "int32") return null;
  const numSegments = attrs.numSegments as number;
  const rows = tf.util.sizeFromShape(segmentIds.shape);
  const inner = tf.util.sizeFromShape(x.shape.slice(segmentIds.shape.length));
  const out = kernels.backend.makeOutput([numSegments, ...x.shape.slice(segmentIds.shape.length)], x.dtype);
  const sums = kernels.values(out, numSegments * inner);
  const values = kernels.values(x, rows * inner);
  const ids = kernels.values(segmentIds, rows);
  sums.fill(0);
  for (let i = 0; i < rows; i++) {
    const id = ids[i];
    if (id < 0 || id >= numSegments) continue;
    for (let from = i * inner, to = id * inner, end = from + inner; from < end; )
      sums[to++] += values[from++];
  }
  return out;
}
