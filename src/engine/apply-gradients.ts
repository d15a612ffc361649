// Gradients between tensors and the flat host vector that ranks average, and from there into the optimizer.
import type { Optimizer, Tensor } from "@tensorflow/tfjs-core";
import type { FlatGradients } from "../core/context.js";
import { UsageError } from "../core/errors.js";
import { currentEngine } from "./current.js";
import { requireFittingSlots } from "./optimizer-slots.js";

/**
 * Copies gradients, one after another, into `target`; on a device in one read. A weight that the loss does not reach
 * has no tensor: its values are zeros.
 * @param tensors float32, of these `sizes`, whose sum is the length of `target`
 * @returns undefined when it is done (the engine's memory can be seen), else a promise.
 * @throws UsageError for a tensor that is not float32; Error for sizes that do not fit.
 */
export function readGradients(
  tensors: readonly (Tensor | null | undefined)[],
  sizes: readonly number[],
  target: Float32Array,
): Promise<void> | undefined {
  let total = 0;
  let isEmpty = true;
  for (let i = 0; i < sizes.length; i++) {
    const tensor = tensors[i];
    total += sizes[i];
    if (!tensor) continue;
    if (tensor.dtype !== "float32")
      throw new UsageError(`a weight's gradient is ${tensor.dtype}; only float32 weights can be trained`);
    if (tensor.size !== sizes[i])
      throw new Error(`a gradient of ${tensor.size} values came for a weight of ${sizes[i]}`);
    isEmpty &&= tensor.size === 0;
  }
  if (tensors.length !== sizes.length || total !== target.length)
    throw new Error(
      `${tensors.length} gradients of ${sizes.length} weights with ${total} values do not fit into ${target.length}`,
    );
  if (!isEmpty) return currentEngine().read(tensors, sizes, target);
  target.fill(0);
  return undefined;
}

/** Copies a float32 tensor's values into `target`. */
export function copyToHost(tensor: Tensor, target: Float32Array): Promise<void> | undefined {
  return readGradients([tensor], [tensor.size], target);
}

/**
 * Lets the optimizer update the weights, with the bits that tfjs's own step would give.
 * @throws UsageError, before anything is done, when the gradients are not as many as the weights' values, and naming
 * the weight for which the optimizer's state has another shape: kernels write without looking where a weight ends.
 */
export function applyGradients(optimizer: Optimizer, gradients: FlatGradients): void {
  const { parameters, flat } = gradients;
  const size = parameters.reduce((sum, { variable }) => sum + variable.size, 0);
  if (flat.length !== size)
    throw new UsageError(
      `${flat.length} gradients do not fit ${parameters.length} weights of ${size} values`,
    );
  requireFittingSlots(optimizer, parameters);
  currentEngine().applyGradients(optimizer, gradients);
}
