// What the losses here promise beyond a criterion's contract, and what they share.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { Criterion } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";

/** What is in the batch by key, beside the outputs and targets. */
export type BatchTensors = Readonly<Record<string, Tensor>>;

/** What a loss computes, once outputs and targets are known to fit. */
export type Compute = (outputs: Tensor, targets: Tensor, batch: BatchTensors) => Scalar;

/** A criterion of one part: the mean over the batch. It throws a UsageError for shapes and types that do not fit. */
export interface Loss {
  (outputs: Tensor, targets: Tensor, batch?: BatchTensors): Scalar;
  /** Says what is wrong with the targets' values, or null. */
  readonly checkTargets: NonNullable<Criterion["checkTargets"]>;
  /** Says what is wrong with the outputs' values, or null. */
  readonly checkOutputs?: NonNullable<Criterion["checkOutputs"]>;
  /** The same for what else it reads, by the key in the batch. */
  readonly checkBatch?: NonNullable<Criterion["checkBatch"]>;
  /** The activation that the loss applies to the outputs, so that the model must not; null when it applies none. */
  readonly applies: Activation | null;
}
export type Activation = "softmax" | "sigmoid";

/** All of a loss but the function itself. */
type Parts = { readonly [Key in keyof Loss]: Loss[Key] } & {
  /** What is wrong with shapes and types, or null. */
  readonly fault: (outputs: Tensor, targets: Tensor) => string | null;
  readonly compute: Compute;
};

/** A loss that computes only what fits. */
export function makeLoss({ fault, compute, ...checks }: Parts): Loss {
  const loss = (outputs: Tensor, targets: Tensor, batch: BatchTensors = {}): Scalar => {
    const found = fault(outputs, targets);
    if (found !== null) throw new UsageError(found);
    return compute(outputs, targets, batch);
  };
  return Object.assign(loss, checks);
}

/** An option that wants a number in a range. @throws UsageError */
export function requireRange(option: string, value: number, low: number, high: number): number {
  if (value >= low && value <= high) return value;
  const range = high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `from ${low} to ${high}`;
  throw new UsageError(`${option} wants a number ${range}, got ${value}`);
}
