// Looks up what handleBatch put into the batch, and says clearly when it is not there.
import type { Tensor } from "@tensorflow/tfjs-core";
import type { RunContext } from "../core/context.js";
import { UsageError } from "../core/errors.js";

/** The tensor under `key` of the current batch. @throws UsageError listing the keys there are. */
export function requireTensor(context: RunContext, key: string, user: string): Tensor {
  const tensor = context.batch[key];
  if (tensor) return tensor;
  const keys = Object.keys(context.batch).join(", ") || "none";
  throw new UsageError(`${user} wants "${key}" in the batch, but handleBatch put there: ${keys}`);
}
