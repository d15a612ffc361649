// What tfjs's optimizers keep for each weight: tfjs itself compares no shapes, and broadcasts where it can.
import type { Optimizer, Variable } from "@tensorflow/tfjs-core";
import { UsageError } from "../core/errors.js";
import type { Parameter } from "../core/parameters.js";
import { tf } from "./tf.js";

/** tfjs's record of a slot: a moment, say, of one weight. */
export interface Slot {
  readonly originalName: string;
  readonly variable: Variable;
}

/** Protected fields that hold a slot for each weight, in the weights' order, by tfjs's own classes. */
const FIELDS = new Map<unknown, readonly string[]>([
  [tf.MomentumOptimizer, ["accumulations"]],
  [tf.AdamOptimizer, ["accumulatedFirstMoment", "accumulatedSecondMoment"]],
  [tf.AdamaxOptimizer, ["accumulatedFirstMoment", "accumulatedWeightedInfNorm"]],
  [tf.AdagradOptimizer, ["accumulatedGrads"]],
  [tf.AdadeltaOptimizer, ["accumulatedGrads", "accumulatedUpdates"]],
  [tf.RMSPropOptimizer, ["accumulatedMeanSquares", "accumulatedMoments", "accumulatedMeanGrads"]],
]);

/**
 * Compares the slots of tfjs's optimizers with the weights that they belong to by their place. A subclass may keep
 * others, and is left to know them.
 * @throws UsageError naming the weight and both shapes where they differ.
 */
export function requireFittingSlots(optimizer: Optimizer, parameters: readonly Parameter[]): void {
  // By constructor: tfjs lets `instanceof` hold between all of its optimizers.
  for (const field of FIELDS.get(optimizer.constructor) ?? []) {
    const slots = (optimizer as unknown as Record<string, readonly (Slot | undefined)[]>)[field];
    parameters.forEach(({ name, variable }, index) => {
      const slot = slots[index]?.variable;
      if (!slot || hasShape(slot, variable.shape)) return;
      throw new UsageError(
        `the ${optimizer.getClassName()} optimizer's state for the weight "${name}" has the shape ` +
          `[${slot.shape}], the weight [${variable.shape}]: load an optimizer's state only with the weights it is of`,
      );
    });
  }
}

function hasShape(slot: Variable, shape: readonly number[]): boolean {
  return slot.shape.length === shape.length && shape.every((length, i) => slot.shape[i] === length);
}
