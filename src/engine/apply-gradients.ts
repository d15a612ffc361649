// Gradients between tensors and the flat host vector that ranks average, and from there into the optimizer.
import type { Optimizer, Tensor } from "@tensorflow/tfjs-core";
import type { FlatGradients } from "../core/context.js";
import { tf } from "./tf.js";
import { currentKernels } from "./wasm/kernels.js";
import { stepInPlace } from "./wasm/optimizers.js";

/** Copies a float32 tensor's values into `target`; with one copy where the backend's memory can be seen. */
export function copyToHost(tensor: Tensor, target: Float32Array): Promise<void> | undefined {
  const kernels = currentKernels();
  if (!kernels) return tensor.data().then((values) => target.set(values));
  target.set(kernels.floats(kernels.address(tensor), tensor.size));
  return undefined;
}

/** Lets the optimizer update the weights; on wasm in place, with the bits that tfjs's own step would give. */
export function applyGradients(optimizer: Optimizer, gradients: FlatGradients): void {
  const kernels = currentKernels();
  if (kernels && stepInPlace(kernels, optimizer, gradients)) return;
  const { parameters, flat } = gradients;
  let offset = 0;
  const named = parameters.map(({ variable }) => {
    // A view, not a copy: the optimizer has consumed it before the buffer is filled again.
    const values = flat.subarray(offset, offset + variable.size);
    offset += variable.size;
    return { name: variable.name, tensor: tf.tensor(values, variable.shape, "float32") };
  });
  optimizer.applyGradients(named);
  tf.dispose(named.map(({ tensor }) => tensor));
}
