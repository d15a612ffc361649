// The half of an engine that computes: what the worker asks of it, beyond tfjs itself. Everything else in this folder
// knows an engine as this interface only.
import type { Optimizer, Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { FlatGradients } from "../core/context.js";

/** A loaded engine. It is tfjs's current backend. */
export interface Engine {
  /** One line that names it, its version and its hardware. */
  readonly description: string;
  /**
   * Copies float32 tensors, one after another, into `target`, in one go: a device is asked once, not once a tensor.
   * `null` and `undefined` stand for zeros. See {@link readGradients}, which checks what it passes on.
   * @param sizes how many values each of the tensors has; together the length of `target`
   * @returns undefined when it is done, else a promise that resolves when it is.
   */
  read(
    tensors: readonly (Tensor | null | undefined)[],
    sizes: readonly number[],
    target: Float32Array,
  ): Promise<void> | undefined;
  /**
   * Whether no value of these float32 tensors is above `largest` in size, or NaN; null where that cannot be told
   * without reading them. `null` and `undefined` stand for zeros.
   */
  areWithin(tensors: readonly (Tensor | null | undefined)[], largest: number): boolean | null;
  /**
   * Lets the optimizer update the weights, with the bits that tfjs's own step would give. Called by the function of
   * the same name in apply-gradients.ts, which checks what it passes on.
   */
  applyGradients(optimizer: Optimizer, gradients: FlatGradients): void;
  /** This engine's own crossEntropyLoss of logits and targets; null where it has none, or none for these. */
  crossEntropy(logits: Tensor, targets: Tensor): Scalar | null;
}

/** Loads a module by name; replaceable, so that each way in which a native package fails can be shown. */
export type Require = (name: string) => unknown;

/**
 * What an engine's module exports as `load`: makes it tfjs's current backend.
 * @throws Error whose message is the one-line reason why this engine cannot be had.
 */
export type LoadEngine = (require: Require) => Promise<Engine>;
