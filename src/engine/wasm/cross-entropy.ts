// Softmax cross entropy with its gradient in one pass, as an operation that tfjs can differentiate.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import { tf } from "../tf.js";
import type { Kernels } from "./kernels.js";

/** See crossEntropyLoss; null for what the kernel does not cover (other types and ranks, an empty batch). */
export function fusedCrossEntropy(kernels: Kernels, logits: Tensor, targets: Tensor): Scalar | null {
  if (logits.rank !== 2 || targets.rank !== 1 || logits.size === 0) return null;
  if (logits.dtype !== "float32" || targets.dtype !== "int32" || targets.size !== logits.shape[0])
    return null;
  const [m, n] = logits.shape;
  const loss = tf.customGrad((input, save) => {
    const engine = tf.engine();
    const gradient = kernels.output([m, n]);
    const value = kernels.output([]);
    const mean = kernels.run.crossEntropy(
      kernels.address(gradient),
      kernels.address(input as Tensor),
      kernels.address(targets),
      m,
      n,
    );
    kernels.floats(kernels.address(value), 1)[0] = mean;
    (save as (tensors: Tensor[]) => void)([engine.makeTensorFromTensorInfo(gradient)]);
    return {
      value: engine.makeTensorFromTensorInfo(value) as Scalar,
      gradFunc: (dy: Tensor, [saved]: Tensor[]) =>
        // The loss itself is what is differentiated: nothing to multiply by.
        kernels.floats(kernels.address(dy), 1)[0] === 1 ? saved.clone() : tf.mul(saved, dy),
    };
  });
  return loss(logits) as Scalar;
}
