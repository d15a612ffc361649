// Softmax cross entropy with integer targets, as torch's CrossEntropyLoss.
import type { Scalar, Tensor, Tensor1D } from "@tensorflow/tfjs-core";
import { currentEngine } from "./current.js";
import { tf } from "./tf.js";

/**
 * Mean over the batch of `-log softmax(logits)[target]`.
 * The gradient is written out, `(softmax(logits) - onehot(target)) / batch`: a third of the ops that tfjs would
 * record (Bishop, Pattern Recognition and Machine Learning, eq. 4.109).
 * @param logits float32 [batch, classes]
 * @param targets int32 [batch]
 */
export function crossEntropyLoss(logits: Tensor, targets: Tensor): Scalar {
  return currentEngine().crossEntropy(logits, targets) ?? composedCrossEntropy(logits, targets);
}

/** {@link crossEntropyLoss} of tfjs's ops, for any engine. */
export function composedCrossEntropy(logits: Tensor, targets: Tensor): Scalar {
  const [batch, classes] = logits.shape;
  const loss = tf.customGrad((input, save) => {
    const x = input as Tensor;
    const shifted = tf.sub(x, tf.max(x, 1, true));
    const logProbabilities = tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
    const oneHot = tf.cast(tf.oneHot(targets as Tensor1D, classes), "float32");
    (save as (tensors: Tensor[]) => void)([logProbabilities, oneHot]);
    return {
      value: tf.mul(tf.sum(tf.mul(logProbabilities, oneHot)), -1 / batch),
      gradFunc: (dy: Tensor, [logp, hot]: Tensor[]) =>
        tf.mul(tf.sub(tf.exp(logp), hot), tf.mul(dy, 1 / batch)),
    };
  });
  return loss(logits) as Scalar;
}
