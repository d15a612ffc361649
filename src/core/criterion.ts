// The contract of a loss, as the recipe's getCriterion returns it.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";

/** Mean loss over a batch, a scalar tensor. */
export type Criterion = (outputs: Tensor, targets: Tensor) => Scalar;
