// The contract of a loss, as the recipe's getCriterion returns it.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";

/** A loss of several parts, by name: each a mean over the batch, with a weight where it is not 1. */
export type LossParts = Readonly<Record<string, Scalar | { readonly loss: Scalar; readonly weight: number }>>;

/** A tensor's values on the host. */
export interface HostValues {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/**
 * Mean loss over a batch, a scalar tensor that depends on the outputs; or its parts, whose weighted sum is trained on.
 * `batch` is what handleBatch has put there: sample weights, further outputs and targets.
 */
export interface Criterion {
  (outputs: Tensor, targets: Tensor, batch: Readonly<Record<string, Tensor>>): Scalar | LossParts;
  /** Says what is wrong with the targets' values, or null; asked before anything is learned from the batch. */
  readonly checkTargets?: (targets: HostValues, outputShape: readonly number[]) => string | null;
  /** The same for the outputs' values. */
  readonly checkOutputs?: (outputs: HostValues) => string | null;
  /** The same for what else the criterion reads from the batch, by key. */
  readonly checkBatch?: Readonly<Record<string, (values: HostValues) => string | null>>;
}
