// A stage's gradients: a batch runs forward and, in a train loader, backward; what comes out is read to the host as
// one flat vector, bucket by bucket.
import type { Scalar, Tensor, Variable } from "@tensorflow/tfjs-core";
import type { FlatGradients } from "../../core/context.js";
import { messageOf, UsageError } from "../../core/errors.js";
import type { Parameter } from "../../core/parameters.js";
import { readGradients } from "../../engine/apply-gradients.js";
import { currentEngine } from "../../engine/current.js";
import { gradientsOf } from "../../engine/tape.js";
import { tf } from "../../engine/tf.js";
import { SIGNALS } from "./agreement.js";
import { type Bucket, planBuckets } from "./buckets.js";

/** Gradients of the trainable weights among a model's: computed, and read to a flat vector. */
export class Gradients {
  /** What was read last. */
  readonly values: FlatGradients;
  /** The flat vector and, after it, what ranks agree on: what travels. */
  readonly message: Float32Array;
  readonly buckets: readonly Bucket[];
  readonly #variables: Variable[];
  #tensors: Readonly<Record<string, Tensor>> | null = null;

  constructor(parameters: readonly Parameter[], bucketBytes: number) {
    const trainable = parameters.filter((parameter) => parameter.trainable);
    this.#variables = trainable.map((parameter) => parameter.variable);
    this.buckets = planBuckets(trainable, bucketBytes);
    const size = this.#variables.reduce((sum, variable) => sum + variable.size, 0);
    this.message = new Float32Array(size + SIGNALS);
    this.values = { parameters: trainable, flat: this.message.subarray(0, size) };
  }

  /** Whether a batch has left gradients. */
  get areComputed(): boolean {
    return this.#tensors !== null;
  }

  /** Runs `forward`, which returns the loss or a promise of it, and differentiates it by every trainable weight. */
  compute(forward: () => Scalar | Promise<Scalar>): Promise<void> | undefined {
    if (this.#variables.length === 0) {
      throw new UsageError(
        "every weight is frozen: a train loader needs a weight that learns (setRequiresGrad)",
      );
    }
    let computed: ReturnType<typeof gradientsOf>;
    try {
      computed = gradientsOf(forward, this.#variables);
    } catch (error) {
      throw explained(error);
    }
    if (!(computed instanceof Promise)) {
      this.#tensors = computed;
      return undefined;
    }
    return computed.then(
      (tensors) => {
        this.#tensors = tensors;
      },
      (error) => {
        throw explained(error);
      },
    );
  }

  /** Copies a bucket's gradients to {@link values}. A weight that the loss does not reach has zeros. */
  read({ parameters, start }: Bucket): Promise<void> | undefined {
    const tensors = parameters.map(({ variable }) => this.#tensors?.[variable.name]);
    const sizes = parameters.map(({ variable }) => variable.size);
    const end = sizes.reduce((sum, size) => sum + size, start);
    return readGradients(tensors, sizes, this.values.flat.subarray(start, end));
  }

  /** Whether no gradient is above `largest` in size, or NaN; null where the engine cannot tell before they are read. */
  areWithin(largest: number): boolean | null {
    return currentEngine().areWithin(
      this.#variables.map(({ name }) => this.#tensors?.[name]),
      largest,
    );
  }

  /** Copies all of them, and forgets the tensors. */
  async readAll(): Promise<FlatGradients> {
    for (const bucket of this.buckets) await this.read(bucket);
    this.dispose();
    return this.values;
  }

  dispose(): void {
    if (this.#tensors) tf.dispose(this.#tensors);
    this.#tensors = null;
  }
}

/** tfjs's own words for a loss that no trainable weight leads to are of other things. */
function explained(error: unknown): unknown {
  if (!messageOf(error).startsWith("Cannot find a connection between any variable")) return error;
  return new UsageError(
    "the loss does not depend on any weight that trains: it must be computed from the model's outputs, with tfjs operations",
  );
}
