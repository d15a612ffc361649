// What layers ask for beside the loss: penalties on weights, which are part of it, and constraints, which hold after
// each step. Every rank adds the whole penalty to its own mean loss, so that the mean over ranks has it once.
import type { Scalar } from "@tensorflow/tfjs-core";
import { allLayers, isLayersModel, type LayerWeight, type Model, variableOf } from "../../core/model.js";
import { tf } from "../../engine/tf.js";

/**
 * The sum of all penalties of the model's layers, frozen ones included, as in Keras; null when there is none. tfjs's
 * own sum takes a shared layer's several times, and a recurrent cell's or a wrapped layer's not at all.
 */
export function penaltyOf(model: Model): Scalar | null {
  if (!isLayersModel(model)) return null;
  const innermost = allLayers(model).filter((layer) => !("layers" in layer));
  const losses = innermost.flatMap((layer) => layer.calculateLosses() as Scalar[]);
  return losses.length === 0 ? null : tf.addN(losses);
}

/** Whether a layer has a penalty at all. */
export function hasPenalty(model: Model): boolean {
  return tf.tidy(() => penaltyOf(model) !== null);
}

/** The weights that a constraint holds. */
export class Constraints {
  readonly #weights: readonly Constrained[];

  constructor(model: Model) {
    const weights = isLayersModel(model) ? model.weights : [];
    this.#weights = weights.filter((weight): weight is Constrained => {
      const { constraint } = weight as Partial<Constrained>;
      return constraint !== undefined && constraint !== null;
    });
  }

  /** Makes the weights what their constraints want, after a step; frozen ones have not moved. */
  apply(): void {
    for (const weight of this.#weights) {
      if (!weight.trainable) continue;
      tf.tidy(() => {
        const variable = variableOf(weight);
        variable.assign(weight.constraint.apply(variable) as typeof variable);
      });
    }
  }
}

type Constrained = LayerWeight & { readonly constraint: { apply(weight: tf.Tensor): tf.Tensor } };
