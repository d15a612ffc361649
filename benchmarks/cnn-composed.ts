// The gradient of a convolution by its filter as one composes it from what tfjs's wasm backend has: pad, slice and
// matMul, once for each place of the filter. The backend itself lacks this gradient.
import * as tf from "@tensorflow/tfjs-core";

export const KERNEL = "Conv2DBackpropFilter";

/** Gives the wasm backend the composed gradient, in the place of any other. */
export function registerComposed(): void {
  if (tf.getKernel(KERNEL, "wasm")) tf.unregisterKernel(KERNEL, "wasm");
  tf.registerKernel({
    kernelName: KERNEL,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => {
      const { x, dy } = inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
      return composed(x, dy, attrs as unknown as Attributes);
    },
  });
}

interface Attributes {
  readonly strides: number | [number, number];
  readonly pad: "same" | "valid" | number;
  readonly filterShape: [number, number, number, number];
}

/** dw [height, width, in, out]. @throws Error for strides, which the benchmark's net has none of. */
function composed(x: tf.Tensor4D, dy: tf.Tensor4D, { strides, pad, filterShape }: Attributes): tf.Tensor {
  const info = tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad);
  if (info.strideHeight !== 1 || info.strideWidth !== 1) throw new Error("composed for strides of 1 only");
  const [height, width, inputs, outputs] = filterShape;
  const { top, bottom, left, right } = info.padInfo;
  const [batch, outHeight, outWidth] = dy.shape;
  const rows = batch * outHeight * outWidth;
  return tf.tidy(() => {
    const padded = tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]);
    const gradient = tf.reshape(dy, [rows, outputs]);
    const places: tf.Tensor[] = [];
    for (let ky = 0; ky < height; ky++) {
      for (let kx = 0; kx < width; kx++) {
        const seen = tf.slice(padded, [0, ky, kx, 0], [batch, outHeight, outWidth, inputs]);
        places.push(tf.matMul(tf.reshape(seen, [rows, inputs]), gradient, true));
      }
    }
    return tf.reshape(tf.stack(places), filterShape);
  });
}
