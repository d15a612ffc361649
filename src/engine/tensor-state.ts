// tfjs tensors to and from plain data on the host.
import type { Tensor } from "@tensorflow/tfjs-core";
import { UsageError } from "../core/errors.js";
import type { TensorDtype, TensorState } from "../core/state.js";
import { tf } from "./tf.js";

const TO_STATE: Readonly<Record<string, TensorDtype>> = { float32: "F32", int32: "I32", bool: "BOOL" };
const TO_TF = { F32: "float32", I32: "int32", U8: "int32", BOOL: "bool" } as const;

/** Copies a tensor to the host. */
export async function readTensor(tensor: Tensor): Promise<TensorState> {
  const dtype = TO_STATE[tensor.dtype];
  if (!dtype)
    throw new UsageError(`tensors of type ${tensor.dtype} cannot be saved; use float32, int32 or bool`);
  return { dtype, shape: tensor.shape, data: await tensor.data() };
}

/** Makes a tensor of a copy of the data: some backends keep the buffer they are given. */
export function toTensor(state: TensorState): Tensor {
  const data = state.dtype === "U8" ? Int32Array.from(state.data) : state.data.slice();
  return tf.tensor(data, [...state.shape], TO_TF[state.dtype]);
}
