// Gradients of three-dimensional convolutions, which the wasm backend gets wrong: one two-dimensional gradient for each
// pair of an output slice and a filter slice, in ascending order of image, output slice and filter slice.
import type { backend_util, TensorInfo } from "@tensorflow/tfjs-core";
import { tf } from "../tf.js";
import { type Attributes, backpropInput, type ConvInfo, geometryOf, type Inputs } from "./convolution.js";
import type { Kernels } from "./kernels.js";

/** Conv3DBackpropInputV2. */
export function conv3dBackpropInput(kernels: Kernels, { dy, filter }: Inputs, attrs: Attributes): TensorInfo {
  const info = conv3dInfo(attrs.inputShape as number[], filter.shape, attrs);
  const { geometry, dx, image, outImage, slice } = sizesOf(info);
  const out = kernels.output(info.inShape);
  const [to, from, weights] = [out, dy, filter].map((tensor) => kernels.address(tensor));
  kernels.floats(to, dx).fill(0);
  eachSlice(info, (z, oz, kz) => {
    const n = info.outChannels;
    backpropInput(kernels, geometry, 1, n, to + z * image, from + oz * outImage, weights + kz * slice);
  });
  return out;
}

/** Conv3DBackpropFilterV2. */
export function conv3dBackpropFilter(kernels: Kernels, { x, dy }: Inputs, attrs: Attributes): TensorInfo {
  const info = conv3dInfo(x.shape, attrs.filterShape as number[], attrs);
  const { geometry, image, outImage, slice } = sizesOf(info);
  const out = kernels.output(info.filterShape);
  const [to, images, from] = [out, x, dy].map((tensor) => kernels.address(tensor));
  kernels.floats(to, (slice / 4) * info.filterDepth).fill(0);
  const rows = info.outHeight * info.outWidth;
  const k = info.filterHeight * info.filterWidth * info.inChannels;
  const cols = kernels.scratch(rows * k * 4 + 16);
  const struct = kernels.geometry(geometry);
  eachSlice(info, (z, oz, kz) => {
    kernels.run.patches(cols, images + z * image, struct);
    kernels.run.accumulate(to + kz * slice, cols, from + oz * outImage, k, info.outChannels, rows, 4, k * 4);
  });
  return out;
}

function conv3dInfo(
  xShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad }: Attributes,
): backend_util.Conv3DInfo {
  type Args = Parameters<typeof backend_util.computeConv3DInfo>;
  return tf.backend_util.computeConv3DInfo(
    xShape as Args[0],
    filterShape as Args[1],
    strides as Args[2],
    1,
    pad as Args[4],
  );
}

/** Bytes of an input slice, an output slice and a filter slice; floats of the whole input. */
function sizesOf(info: backend_util.Conv3DInfo) {
  const image = info.inHeight * info.inWidth * info.inChannels * 4;
  return {
    geometry: geometryOf(info as unknown as ConvInfo),
    image,
    dx: (image / 4) * info.inDepth * info.batchSize,
    outImage: info.outHeight * info.outWidth * info.outChannels * 4,
    slice: info.filterHeight * info.filterWidth * info.inChannels * info.outChannels * 4,
  };
}

/** Calls `use` with each input slice that a filter slice meets for an output slice, counted over all images. */
function eachSlice(info: backend_util.Conv3DInfo, use: (z: number, oz: number, kz: number) => void): void {
  for (let b = 0; b < info.batchSize; b++) {
    for (let oz = 0; oz < info.outDepth; oz++) {
      for (let kz = 0; kz < info.filterDepth; kz++) {
        const z = oz * info.strideDepth - info.padInfo.front + kz;
        if (z >= 0 && z < info.inDepth) use(b * info.inDepth + z, b * info.outDepth + oz, kz);
      }
    }
  }
}
