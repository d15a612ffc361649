// Runs a batch forward and, in a train loader, backward; gradients come to the host as one flat vector.
import type { Scalar, Tensor, Variable } from "@tensorflow/tfjs-core";
import { type FlatGradients, SIGNALS } from "../../core/context.js";
import { UsageError } from "../../core/errors.js";
import type { Parameter } from "../../core/parameters.js";
import { copyToHost } from "../../engine/apply-gradients.js";
import { tf } from "../../engine/tf.js";
import { type Bucket, planBuckets } from "./buckets.js";

/** Gradients of one model's trainable weights: computed, read to a flat vector, and given to an optimizer. */
export class Gradients {
  /** What was read last. */
  readonly values: FlatGradients;
  readonly buckets: readonly Bucket[];
  readonly #variables: Variable[];
  #tensors: Readonly<Record<string, Tensor>> | null = null;

  constructor(parameters: readonly Parameter[], bucketBytes: number) {
    const trainable = parameters.filter((parameter) => parameter.trainable);
    this.#variables = trainable.map((parameter) => parameter.variable);
    this.buckets = planBuckets(trainable, bucketBytes);
    const size = this.#variables.reduce((sum, variable) => sum + variable.size, 0);
    const wire = new Float32Array(size + SIGNALS);
    this.values = { parameters: trainable, wire, flat: wire.subarray(0, size) };
  }

  /** Whether a batch has left gradients. */
  get areComputed(): boolean {
    return this.#tensors !== null;
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

  /** Copies a bucket's gradients to {@link values}. A weight that the loss does not reach has zeros. */
  async read({ parameters, start }: Bucket): Promise<void> {
    let offset = start;
    for (const { variable } of parameters) {
      const part = this.values.flat.subarray(offset, offset + variable.size);
      const gradient = this.#tensors?.[variable.name];
      const pending = gradient ? copyToHost(gradient, part) : void part.fill(0);
      if (pending) await pending;
      offset += variable.size;
    }
  }

  dispose(): void {
    if (this.#tensors) tf.dispose(this.#tensors);
    this.#tensors = null;
  }
}
