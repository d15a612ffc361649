// Runs a batch forward and, in a train loader, backward; gradients come to the host as one flat vector.
import type { Scalar, Tensor, Variable } from "@tensorflow/tfjs-core";
import { type FlatGradients, SIGNALS } from "../core/context.js";
import { UsageError } from "../core/errors.js";
import type { Parameter } from "../core/parameters.js";
import { copyToHost } from "../engine/apply-gradients.js";
import { tf } from "../engine/tf.js";

/** Gradients of one model's trainable weights: computed, read to a flat vector, and given to an optimizer. */
export class Gradients {
  readonly #parameters: readonly Parameter[];
  readonly #variables: Variable[];
  readonly #wire: Float32Array;
  readonly #flat: Float32Array;
  #tensors: Readonly<Record<string, Tensor>> | null = null;

  constructor(parameters: readonly Parameter[]) {
    this.#parameters = parameters.filter((parameter) => parameter.trainable);
    this.#variables = this.#parameters.map((parameter) => parameter.variable);
    const size = this.#variables.reduce((sum, variable) => sum + variable.size, 0);
    this.#wire = new Float32Array(size + SIGNALS);
    this.#flat = this.#wire.subarray(0, size);
  }

  /** Runs `forward`, which returns the loss, and differentiates it by every trainable weight. */
  compute(forward: () => Scalar): void {
    if (this.#variables.length === 0) {
      throw new UsageError(
        "every weight is frozen: a train loader needs a weight that learns (setRequiresGrad)",
      );
    }
    this.#tensors = tf.variableGrads(forward, this.#variables).grads;
  }

  /** The last computed gradients, or null when there are none. A weight that the loss does not reach has zeros. */
  async read(): Promise<FlatGradients | null> {
    if (!this.#tensors) return null;
    let offset = 0;
    for (const { variable } of this.#parameters) {
      const part = this.#flat.subarray(offset, offset + variable.size);
      const gradient = this.#tensors[variable.name];
      if (gradient) await copyToHost(gradient, part);
      else part.fill(0);
      offset += variable.size;
    }
    this.dispose();
    return { parameters: this.#parameters, flat: this.#flat, wire: this.#wire };
  }

  dispose(): void {
    if (this.#tensors) tf.dispose(this.#tensors);
    this.#tensors = null;
  }
}
