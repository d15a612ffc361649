// Softmax cross entropy as torch's CrossEntropyLoss, with label smoothing, weights of classes and weights of samples.
import type { Scalar, Tensor, Tensor1D, Tensor2D } from "@tensorflow/tfjs-core";
import type { HostValues } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";
import { crossEntropyLoss as ofIndices } from "../engine/cross-entropy.js";
import { tf } from "../engine/tf.js";
import { faultOfType } from "../metrics/shapes.js";
import { faultOfTargets, faultOfValues, isOneHot } from "../metrics/targets.js";
import { type BatchTensors, type Compute, type Loss, makeLoss, requireRange } from "./loss.js";

export interface CrossEntropyOptions {
  /** This share of each target is spread evenly over all classes, 0 to 1. Default 0. */
  readonly labelSmoothing?: number;
  /** A weight for each class, 0 or more. Default: all alike. */
  readonly classWeights?: readonly number[];
  /** The key in the batch of weights of samples, float32 [batch] or [batch, 1], 0 or more. Default: all alike. */
  readonly weightKey?: string;
}

/**
 * Cross entropy of the softmax of logits, float32 [batch, classes]. Targets are class indices, int32 [batch] or
 * [batch, 1], or rows of probabilities [batch, classes], of which one-hot is the plainest kind.
 *
 * With weights it is the weighted mean: the sum of weight times loss over the sum of weights, a sample's weight being its
 * own times its class's. Each rank takes it over its own batch, as under torch's DDP. torch divides rows of
 * probabilities by the size of the batch instead; here one-hot rows and indices give the same.
 * @throws UsageError for options out of range.
 */
export function crossEntropy(options: CrossEntropyOptions = {}): Loss {
  const { labelSmoothing = 0, classWeights = null, weightKey = null } = options;
  requireRange("crossEntropy: labelSmoothing", labelSmoothing, 0, 1);
  for (const weight of classWeights ?? []) {
    requireRange("crossEntropy: each of classWeights", weight, 0, Number.MAX_VALUE);
  }
  if (labelSmoothing === 0 && classWeights === null && weightKey === null) return crossEntropyLoss;
  const compute: Compute = (logits, targets, batch) => {
    const rows = asRows(logits, targets);
    const weights = weightsOf(rows, classWeights, weightKey === null ? null : readWeights(batch, weightKey));
    return ofRows(logits, rows, labelSmoothing, weights);
  };
  return checked(compute, weightKey === null ? {} : { [weightKey]: faultOfWeights });
}

/** Cross entropy without smoothing and weights: {@link crossEntropy} with no options. */
export const crossEntropyLoss: Loss = checkedCrossEntropy(ofIndices);

/**
 * A loss over float32 logits [batch, classes] and int32 indices [batch], with all checks, which takes columns of indices
 * and rows of probabilities as well.
 */
export function checkedCrossEntropy(inner: (logits: Tensor, indices: Tensor) => Scalar): Loss {
  return checked((logits, targets) => {
    if (isOneHot(targets.shape, logits.shape)) return ofRows(logits, asRows(logits, targets), 0, null);
    return inner(logits, targets.rank === 1 ? targets : tf.reshape(targets, [-1]));
  }, {});
}

function checked(compute: Compute, checkBatch: NonNullable<Loss["checkBatch"]>): Loss {
  return makeLoss({
    compute,
    checkBatch,
    fault: (logits, targets) => faultOfType(logits, ["float32"]) ?? faultOfTargets(targets, logits.shape),
    checkTargets: (targets, shape) => faultOfTargets(targets, shape) ?? faultOfValues(targets, shape[1]),
    applies: "softmax",
  });
}

/** What multiplies the targets, and the sum over the batch that divides the loss. */
interface Weights {
  /** [batch, classes], [1, classes] or [batch, 1]. */
  readonly factors: Tensor;
  readonly sum: Tensor;
}

function ofRows(logits: Tensor, rows: Tensor2D, smoothing: number, weights: Weights | null): Scalar {
  const [batch, classes] = rows.shape;
  const smooth = smoothing === 0 ? rows : tf.add(tf.mul(rows, 1 - smoothing), smoothing / classes);
  const weighted = weights === null ? smooth : tf.mul(smooth, weights.factors);
  const total = tf.neg(tf.sum(tf.mul(weighted, tf.logSoftmax(logits))));
  return tf.div(total, weights === null ? batch : weights.sum);
}

function weightsOf(
  rows: Tensor2D,
  classWeights: readonly number[] | null,
  samples: Tensor | null,
): Weights | null {
  const [batch, classes] = rows.shape;
  if (classWeights !== null && classWeights.length !== classes) {
    throw new UsageError(`${classWeights.length} classWeights, but the outputs have ${classes} classes`);
  }
  const ofClasses = classWeights === null ? null : tf.tensor2d([...classWeights], [1, classes]);
  const ofSamples = samples === null ? null : tf.reshape(samples, [-1, 1]);
  if (ofSamples !== null && ofSamples.shape[0] !== batch) {
    throw new UsageError(`weights [${samples?.shape}] for a batch of ${batch}: one for each sample, please`);
  }
  const factors = ofClasses && ofSamples ? tf.mul(ofClasses, ofSamples) : (ofClasses ?? ofSamples);
  return factors && { factors, sum: tf.sum(tf.mul(rows, factors)) };
}

function asRows(logits: Tensor, targets: Tensor): Tensor2D {
  if (isOneHot(targets.shape, logits.shape)) return tf.cast(targets, "float32") as Tensor2D;
  const indices = tf.reshape(targets, [-1]) as Tensor1D;
  return tf.cast(tf.oneHot(indices, logits.shape[1] as number), "float32") as Tensor2D;
}

/** @throws UsageError when there are none, or they are not one for each sample. */
function readWeights(batch: BatchTensors, key: string): Tensor {
  const weights = batch[key];
  if (!weights) {
    const keys = Object.keys(batch).join(", ") || "none";
    throw new UsageError(`crossEntropy wants weights under "${key}", but handleBatch put there: ${keys}`);
  }
  const { shape } = weights;
  const isOnePerSample = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  const fault =
    (isOnePerSample ? null : `wants one for each sample, [batch] or [batch, 1], got [${shape}]`) ??
    faultOfType(weights, ["float32", "int32"]);
  if (fault !== null) throw new UsageError(`weights "${key}": ${fault}`);
  return tf.cast(weights, "float32");
}

function faultOfWeights({ data }: HostValues): string | null {
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    if (!(data[i] >= 0 && data[i] < Number.POSITIVE_INFINITY))
      return `the weight ${data[i]} is not 0 or more`;
    sum += data[i];
  }
  return sum > 0 ? null : "all weights of the batch are 0, so that it has no mean";
}
