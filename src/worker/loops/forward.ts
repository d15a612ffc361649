// A batch forward: the recipe's handleBatch and the callbacks' forward hooks; with gradients in a train loader. Most
// recipes compute at once; one that waits is waited for.
import type { Scalar } from "@tensorflow/tfjs-core";
import type { Callback } from "../../core/callback.js";
import { UsageError } from "../../core/errors.js";
import type { Batch } from "../../core/loader.js";
import { tf } from "../../engine/tf.js";
import type { Run } from "./run.js";

/** Leaves tensors in `recipe.batch` and `batchTensors`, and gradients where something is learned. */
export function forward(run: Run, callbacks: readonly Callback[], batch: Batch): Promise<void> | undefined {
  const { lossKey, gradients } = run.stage;
  run.random.use();
  const handle = () => handleBatch(run, callbacks, batch);
  if (!run.isTrainLoader || lossKey === null) return inScope(handle);
  return gradients.compute(() => {
    const pending = handle();
    return pending ? pending.then(() => requireLoss(run, lossKey)) : requireLoss(run, lossKey);
  });
}

/** Disposes of what `body` made and nobody kept, once it is done. */
function inScope(body: () => Promise<void> | undefined): Promise<void> | undefined {
  const engine = tf.engine();
  engine.startScope("forward");
  let pending: Promise<void> | undefined;
  try {
    pending = body();
  } finally {
    if (!pending) engine.endScope();
  }
  return pending?.finally(() => engine.endScope());
}

function handleBatch(run: Run, callbacks: readonly Callback[], batch: Batch): Promise<void> | undefined {
  const pending: unknown = run.recipe.handleBatch(batch);
  const finish = () => {
    for (const callback of callbacks) callback.onForward?.(run);
    const { lossKey } = run.stage;
    const loss = lossKey === null ? undefined : run.batchTensors[lossKey];
    if (lossKey !== null && loss) run.batchTensors[lossKey] = run.stage.withPenalty(loss);
    // They outlive the scope in which they were made; clearBatch disposes of them.
    for (const tensor of Object.values(run.recipe.batch)) tf.keep(tensor);
    for (const tensor of Object.values(run.batchTensors)) tf.keep(tensor);
  };
  if (pending instanceof Promise) return pending.then(finish);
  finish();
  return undefined;
}

/** The batch's number of samples. @throws UsageError when it is no batch. */
export function requireBatch({ loaderKey, batchIndex, stageKey }: Run, batch: Batch): number {
  const tensors: unknown[] = typeof batch === "object" && batch !== null ? Object.values(batch) : [];
  if (tensors.length > 0 && tensors.every((tensor) => tensor instanceof tf.Tensor)) {
    return (tensors[0] as tf.Tensor).shape[0] ?? 1;
  }
  const shown =
    tensors.length > 0 ? `{ ${Object.keys(batch).join(", ")} }, which are not all tensors` : String(batch);
  throw new UsageError(
    `loader "${loaderKey}" of stage "${stageKey}" gave ${shown} as batch ${batchIndex + 1}; a dataset's collate returns ` +
      "tensors: [x, y] or { x, y }",
  );
}

function requireLoss({ batchTensors }: Run, lossKey: string): Scalar {
  const loss = batchTensors[lossKey];
  if (loss) return loss;
  const keys = Object.keys(batchTensors).join(", ") || "no loss";
  throw new UsageError(`the optimizer callback wants the loss "${lossKey}", but callbacks made: ${keys}`);
}
