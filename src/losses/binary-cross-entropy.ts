// Binary cross entropy: yes-or-no labels, one or several a sample, each with a unit of its own.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import { UsageError } from "../core/errors.js";
import { tf } from "../engine/tf.js";
import {
  type BinaryOptions,
  faultOfBinary,
  faultOfProbabilities,
  faultOfSoftLabels,
} from "../metrics/binary-scores.js";
import { type Loss, makeLoss, requireRange } from "./loss.js";

export interface BinaryCrossEntropyOptions extends BinaryOptions {
  /** How much a yes weighs beside a no, for all labels or for each in the last dimension. Default 1. */
  readonly posWeight?: number | readonly number[];
  /** Targets move this share of the way towards 0.5, as in Keras: 0 to 1. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * The mean over all elements of `-(posWeight t log p + (1 - t) log(1 - p))`, as torch's BCELoss and, with
 * `fromLogits: true`, BCEWithLogitsLoss. Outputs are probabilities, or logits, float32 of any shape; targets have the
 * same shape ([batch] and [batch, 1] are the same) and lie between 0 and 1.
 * @throws UsageError for options out of range.
 */
export function binaryCrossEntropy(options: BinaryCrossEntropyOptions = {}): Loss {
  const { fromLogits = false, posWeight = 1, labelSmoothing = 0 } = options;
  requireRange("binaryCrossEntropy: labelSmoothing", labelSmoothing, 0, 1);
  for (const weight of [posWeight].flat()) {
    requireRange("binaryCrossEntropy: posWeight", weight, 0, Number.MAX_VALUE);
  }
  const ofElements = fromLogits ? ofLogits : ofProbabilities;
  return makeLoss({
    applies: fromLogits ? "sigmoid" : null,
    fault: faultOfBinary,
    checkTargets: faultOfSoftLabels,
    ...(fromLogits ? {} : { checkOutputs: faultOfProbabilities }),
    compute(outputs, targets) {
      const labels = tf.reshape(tf.cast(targets, "float32"), outputs.shape);
      const smooth =
        labelSmoothing === 0 ? labels : tf.add(tf.mul(labels, 1 - labelSmoothing), labelSmoothing / 2);
      const yes = posWeight === 1 ? smooth : tf.mul(smooth, weightsOf(posWeight, outputs.shape));
      return tf.mean(ofElements(outputs, yes, tf.sub(1, smooth))) as Scalar;
    },
  });
}

/**
 * `yes` times -log p and `no` times -log(1 - p), where p is the sigmoid of the logits. Both terms are positive, so that
 * neither loses the other's digits; and softplus, unlike what is made of relu and abs, has the right gradient at 0.
 */
function ofLogits(logits: Tensor, yes: Tensor, no: Tensor): Tensor {
  return tf.add(tf.mul(yes, tf.softplus(tf.neg(logits))), tf.mul(no, tf.softplus(logits)));
}

/**
 * As torch's BCELoss: logarithms end at -100, and the gradient's denominator at 1e-12, so that a unit that is sure and
 * wrong still learns. (Keras cuts probabilities off at 1e-7, beyond which there is no gradient.)
 */
function ofProbabilities(probabilities: Tensor, yes: Tensor, no: Tensor): Tensor {
  const compute = tf.customGrad((...inputs) => {
    const [p, a, b, save] = inputs as unknown as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const [logP, logQ] = [lowerLog(p), lowerLog(tf.sub(1, p))];
    save([p, a, b, logP, logQ]);
    return {
      value: tf.neg(tf.add(tf.mul(a, logP), tf.mul(b, logQ))),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [p, a, b, logP, logQ] = saved;
        const q = tf.sub(1, p);
        const slope = tf.div(tf.sub(tf.mul(b, p), tf.mul(a, q)), tf.maximum(tf.mul(p, q), 1e-12));
        return [tf.mul(dy, slope), tf.neg(tf.mul(dy, logP)), tf.neg(tf.mul(dy, logQ))];
      },
    };
  });
  return compute(probabilities, yes, no);
}

function lowerLog(values: Tensor): Tensor {
  // Rounding may have put a probability below 0. (tfjs's clipByValue would make 0 of a NaN on wasm.)
  return tf.maximum(tf.log(tf.maximum(values, 0)), -100);
}

function weightsOf(posWeight: number | readonly number[], shape: readonly number[]): Tensor {
  if (typeof posWeight === "number") return tf.scalar(posWeight);
  const labels = shape.length > 1 ? shape[shape.length - 1] : 1;
  if (posWeight.length === labels) return tf.tensor1d([...posWeight]);
  throw new UsageError(
    `${posWeight.length} numbers in posWeight, but outputs [${shape}] have ${labels} labels`,
  );
}
