// What a tfjs optimizer keeps for each weight: tfjs itself compares no shapes, and broadcasts where it can.
import type { Optimizer, Variable } from "@tensorflow/tfjs-core";
import { UsageError } from "../core/errors.js";
import type { Parameter } from "../core/parameters.js";

/** tfjs's record of a slot: a moment, say, of one weight. */
export interface Slot {
  readonly originalName: string;
  readonly variable: Variable;
}

/**
 * Slots belong to weights by their place.
 * @throws UsageError naming the weight and both shapes where one is of another shape than its weight.
 */
export function requireFittingSlots(optimizer: Optimizer, parameters: readonly Parameter[]): void {
  for (const [field, slots] of Object.entries(optimizer)) {
    // accumulatedFirstMoment, accumulations, ...: all of tfjs's optimizers name them so.
    if (!field.startsWith("accum") || !Array.isArray(slots)) continue;
    parameters.forEach(({ name, variable }, index) => {
      const slot = (slots as (Slot | undefined)[])[index]?.variable;
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
