// Batches of images straight from a dataset's bytes into a tensor's memory: 10 us for 32 images of MNIST, where a loop
// in JavaScript and tfjs's copy take 80. An operation by name, so that datasets need not know this engine:
// tf.engine().runKernel(IMAGE_BATCH, {}, { images, indices, shape }).
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { Attributes, Inputs } from "./convolution.js";
import type { Kernels } from "./kernels.js";

export const IMAGE_BATCH = "DdpImageBatch";

/**
 * float32 [batch, ...shape] in 0 to 1 from `images`, bytes of one image of `shape` after another.
 * @throws RangeError naming an index that is none of the images'.
 */
export function imageBatch(kernels: Kernels, _inputs: Inputs, attrs: Attributes): TensorInfo {
  const { images, indices, shape } = attrs as {
    images: Uint8Array;
    indices: Int32Array;
    shape: readonly number[];
  };
  const size = shape.reduce((product, length) => product * length, 1);
  const count = indices.length * size;
  const bytes = kernels.scratch(count);
  const memory = kernels.backend.wasm.HEAPU8;
  for (let b = 0; b < indices.length; b++) {
    const from = indices[b] * size;
    if (!(from >= 0 && from + size <= images.length)) {
      throw new RangeError(`sample ${indices[b]} does not exist: the dataset has ${images.length / size}`);
    }
    memory.set(images.subarray(from, from + size), bytes + b * size);
  }
  const out = kernels.output([indices.length, ...shape]);
  kernels.run.bytesToUnit(kernels.address(out), bytes, count);
  return out;
}
