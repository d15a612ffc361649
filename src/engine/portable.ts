// What any tfjs backend can do, with asynchronous reads only: an engine with nothing of its own is made of this.
import type { Optimizer, Tensor } from "@tensorflow/tfjs-core";
import type { FlatGradients } from "../core/context.js";
import type { Engine } from "./engine.js";
import { tf } from "./tf.js";

/** An engine that leaves everything to tfjs and its backend. */
export function portableEngine(description: string): Engine {
  return {
    description,
    read: readJoined,
    areWithin: () => null,
    applyGradients: applyByTfjs,
    crossEntropy: () => null,
  };
}

/** {@link Engine.read} by joining the tensors on the device first: one read however many there are. */
export async function readJoined(
  tensors: readonly (Tensor | null | undefined)[],
  sizes: readonly number[],
  target: Float32Array,
): Promise<void> {
  const given = tensors.filter((tensor) => tensor !== null && tensor !== undefined && tensor.size > 0);
  const joined = tf.tidy(() => tf.concat(given.map((tensor) => tf.reshape(tensor as Tensor, [-1]))));
  let values: Float32Array;
  try {
    values = (await joined.data()) as Float32Array;
  } finally {
    joined.dispose();
  }
  let [from, to] = [0, 0];
  for (const [i, size] of sizes.entries()) {
    if (tensors[i]) {
      target.set(values.subarray(from, from + size), to);
      from += size;
    } else target.fill(0, to, to + size);
    to += size;
  }
}

/** {@link Engine.applyGradients} by the optimizer's own step. */
export function applyByTfjs(optimizer: Optimizer, { parameters, flat }: FlatGradients): void {
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
