// Losses of outputs that are numbers: means over all elements, as torch's MSELoss, L1Loss and HuberLoss.
import type { Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { HostValues } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";
import { tf } from "../engine/tf.js";
import { faultOfNumbers } from "../metrics/shapes.js";
import { type Loss, makeLoss } from "./loss.js";

/** The mean of (output - target)². Shapes are the same; [batch] and [batch, 1] count as the same. */
export function meanSquaredError(): Loss {
  return ofDifference(tf.square);
}

/** The mean of |output - target|. Shapes are the same; [batch] and [batch, 1] count as the same. */
export function meanAbsoluteError(): Loss {
  return ofDifference(absolute);
}

export interface HuberOptions {
  /** Up to this difference the loss is half its square, beyond it grows evenly. Default 1. */
  readonly delta?: number;
}

/**
 * The mean of d² / 2 where |d| is at most `delta`, and of delta (|d| - delta / 2) beyond it, d being output - target.
 * Shapes are the same; [batch] and [batch, 1] count as the same.
 * @throws UsageError when delta is not above 0.
 */
export function huber({ delta = 1 }: HuberOptions = {}): Loss {
  if (!(delta > 0 && delta < Number.POSITIVE_INFINITY)) {
    throw new UsageError(`huber: delta wants a number above 0, got ${delta}`);
  }
  return ofDifference((difference) => {
    const size = absolute(difference);
    const square = tf.minimum(size, delta);
    return tf.mul(square, tf.sub(size, tf.mul(square, 0.5)));
  });
}

function ofDifference(ofElements: (difference: Tensor) => Tensor): Loss {
  return makeLoss({
    applies: null,
    fault: faultOfNumbers,
    checkTargets: faultOfNotFinite,
    compute(outputs, targets) {
      const [output, target] = [tf.cast(outputs, "float32"), tf.cast(targets, "float32")];
      return tf.mean(ofElements(tf.sub(output, tf.reshape(target, output.shape)))) as Scalar;
    },
  });
}

/** |x| whose gradient at 0 is 0, as torch's; that of tfjs's abs is -1 there. */
function absolute(x: Tensor): Tensor {
  return tf.mul(x, tf.sign(x));
}

function faultOfNotFinite({ data }: HostValues): string | null {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) return `target ${data[i]} is not a finite number`;
  }
  return null;
}
