// Looks up what handleBatch put into the batch, and says clearly when it is not there, or is not what it should be.
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

/** The caller's mistake in the current batch, with the place and, where the loader knows them, the samples. */
export function inBatch(context: RunContext, what: string): UsageError {
  const { loaderKey, batchIndex, stageKey, loader } = context;
  const samples = loader.samplesOf?.(batchIndex);
  const some = samples && samples.length <= 64 ? ` (samples ${samples.join(", ")})` : "";
  return new UsageError(`${loaderKey} batch ${batchIndex + 1} of stage "${stageKey}"${some}: ${what}`);
}
