// What tfjs's optimizers keep for each weight: tfjs itself compares no shapes, and broadcasts where it can.
import type { Optimizer, Variable } from "@tensorflow/tfjs-core";
import { UsageError } from "../core/errors.js";
import type { Parameter } from "../core/parameters.js";

/** tfjs's record of a slot: a moment, say, of one weight; its name is the variable's and a suffix. */
export interface Slot {
  readonly originalName: string;
  readonly variable: Variable;
}

/** For each class of optimizer the protected fields that hold a slot for each weight, and the slots' suffix. */
export const SLOTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  SGD: {},
  Momentum: { accumulations: "momentum" },
  Adagrad: { accumulatedGrads: "accumulator" },
  Adadelta: { accumulatedGrads: "accum_grad", accumulatedUpdates: "accum_var" },
  RMSProp: { accumulatedMeanSquares: "rms", accumulatedMoments: "momentum", accumulatedMeanGrads: "mg" },
  Adam: { accumulatedFirstMoment: "m", accumulatedSecondMoment: "v" },
  AdamW: { accumulatedFirstMoment: "m", accumulatedSecondMoment: "v" },
  Adamax: { accumulatedFirstMoment: "m", accumulatedWeightedInfNorm: "v" },
};

/** The slots in a field, in the weights' order; tfjs leaves a place empty until the weight's first step. */
export function slotsOf(optimizer: Optimizer, field: string): Slot[] {
  return slotPlaces(optimizer, field).filter((slot): slot is Slot => slot !== undefined && slot !== null);
}

function slotPlaces(optimizer: Optimizer, field: string): readonly (Slot | undefined)[] {
  return (optimizer as unknown as Record<string, readonly (Slot | undefined)[]>)[field] ?? [];
}

/**
 * Compares the slots of an optimizer with the weights that they belong to by their place.
 * @throws UsageError naming the weight and both shapes where they differ.
 */
export function requireFittingSlots(optimizer: Optimizer, parameters: readonly Parameter[]): void {
  for (const field in SLOTS[optimizer.getClassName()] ?? {}) {
    const slots = slotPlaces(optimizer, field);
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
