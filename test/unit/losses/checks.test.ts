// What losses refuse: options, shapes, types, and values; each message says what was given.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { HostValues } from "../../../src/core/criterion.js";
import { UsageError } from "../../../src/core/errors.js";
import { loadEngine } from "../../../src/engine/load.js";
import {
  binaryCrossEntropy,
  crossEntropy,
  crossEntropyLoss,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  tf,
} from "../../../src/index.js";
import { warnsOfSoftmax } from "../../../src/losses/softmax-warning.js";

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

before(() => loadEngine("cpu"));

function refused(run: () => unknown, message: RegExp): void {
  assert.throws(
    run,
    (error) => error instanceof UsageError && message.test(error.message),
    `expected ${message}`,
  );
}
function floats(values: readonly number[], shape: readonly number[] = [values.length]): HostValues {
  return { shape, dtype: "float32", data: Float32Array.from(values) };
}
function ints(values: readonly number[], shape: readonly number[] = [values.length]): HostValues {
  return { shape, dtype: "int32", data: Int32Array.from(values) };
}

test("options out of range", () => {
  for (const bad of [-0.1, 1.1, nan]) {
    refused(() => crossEntropy({ labelSmoothing: bad }), /labelSmoothing wants a number from 0 to 1, got/);
    refused(() => binaryCrossEntropy({ labelSmoothing: bad }), /labelSmoothing wants/);
  }
  for (const bad of [-1, nan, infinity]) {
    refused(() => crossEntropy({ classWeights: [1, bad] }), /classWeights wants a number/);
    refused(() => binaryCrossEntropy({ posWeight: bad }), /posWeight wants a number/);
    refused(() => binaryCrossEntropy({ posWeight: [1, bad] }), /posWeight wants a number/);
  }
  for (const delta of [0, -1, nan, infinity]) refused(() => huber({ delta }), /delta wants a number above 0/);
});

describe("shapes and types", () => {
  test("of outputs and targets that are numbers or labels", () => {
    for (const loss of [
      meanSquaredError(),
      meanAbsoluteError(),
      huber(),
      binaryCrossEntropy(),
      binaryCrossEntropy({ fromLogits: true }),
    ]) {
      const [list, column] = [tf.tensor1d([0.5, 0.25, 0.75]), tf.tensor2d([[0.5], [0.25], [0.75]])];
      const targets = [tf.tensor1d([1, 0, 0]), tf.tensor2d([[1], [0], [0]]), tf.tensor1d([1, 0, 0], "int32")];
      const values = [list, column].flatMap((outputs) => targets.map((t) => loss(outputs, t).dataSync()[0]));
      for (const value of values) assert.equal(value, values[0]);
      refused(() => loss(column, tf.zeros([1, 3])), /of shape \[3,1\], got targets \[1,3\]/);
      refused(() => loss(list, tf.zeros([1])), /got targets \[1\]/);
      refused(() => loss(list, tf.scalar(1)), /got targets \[\]/);
      refused(() => loss(tf.zeros([3, 3]), targets[0]), /of shape \[3,3\], got targets \[3\]/);
      refused(() => loss(list, tf.complex([0, 0, 0], [0, 0, 0])), /got complex64/);
    }
    refused(() => meanSquaredError()(tf.tensor1d([1]), tf.tensor1d([1], "bool")), /got bool/);
    refused(
      () => binaryCrossEntropy()(tf.tensor1d([1], "int32"), tf.tensor1d([1])),
      /wants float32, got int32/,
    );
    refused(
      () => binaryCrossEntropy({ posWeight: [1, 2] })(tf.zeros([2, 3]), tf.zeros([2, 3])),
      /2 numbers in posWeight, but outputs \[2,3\] have 3 labels/,
    );
  });

  test("of classes", () => {
    const logits = tf.zeros([2, 3]);
    const indices = tf.tensor1d([0, 1], "int32");
    for (const loss of [crossEntropyLoss, crossEntropy({ labelSmoothing: 0.1 })]) {
      refused(() => loss(logits, tf.tensor1d([0, 1])), /int32 class indices \[2\] .* got float32 \[2\]/);
      refused(() => loss(logits, tf.zeros([1, 2], "int32")), /got int32 \[1,2\]/);
      refused(() => loss(logits, tf.zeros([2, 2])), /got float32 \[2,2\]/);
      refused(() => loss(tf.zeros([2]), indices), /wants outputs \[batch, classes\], got \[2\]/);
      refused(() => loss(tf.zeros([2, 1]), indices), /two or more classes, got \[2,1\]/);
      refused(() => loss(tf.zeros([2, 3], "int32"), indices), /wants float32, got int32/);
    }
    refused(() => crossEntropy({ classWeights: [1, 2] })(logits, indices), /2 classWeights, .* 3 classes/);
  });

  test("of weights of samples", () => {
    const loss = crossEntropy({ weightKey: "w" });
    const [logits, indices] = [tf.zeros([2, 3]), tf.tensor1d([0, 1], "int32")];
    refused(() => loss(logits, indices), /wants weights under "w", but handleBatch put there: none/);
    refused(() => loss(logits, indices, { x: logits }), /put there: x/);
    refused(
      () => loss(logits, indices, { w: tf.ones([2, 2]) }),
      /"w": wants one for each sample, .* got \[2,2\]/,
    );
    refused(() => loss(logits, indices, { w: tf.ones([3]) }), /weights \[3\] for a batch of 2/);
    refused(
      () => loss(logits, indices, { w: tf.ones([2], "bool") }),
      /"w": wants float32 or int32, got bool/,
    );
  });
});

describe("values", () => {
  test("of class indices and rows", () => {
    for (const { checkTargets } of [crossEntropyLoss, crossEntropy({ labelSmoothing: 0.1 })]) {
      assert.equal(checkTargets(ints([0, 2]), [2, 3]), null);
      assert.equal(checkTargets(ints([0, 2], [2, 1]), [2, 3]), null);
      assert.equal(checkTargets(floats([0.5, 0.5, 0], [1, 3]), [1, 3]), null);
      assert.match(
        checkTargets(ints([0, 3]), [2, 3]) as string,
        /target 3 is outside the 3 classes \(0 to 2\)/,
      );
      assert.match(checkTargets(ints([0, -1]), [2, 3]) as string, /target -1 is outside/);
      assert.match(checkTargets(floats([1, 1, 0], [1, 3]), [1, 3]) as string, /adds up to 2/);
      assert.match(checkTargets(floats([nan, 1, 0], [1, 3]), [1, 3]) as string, /holds NaN/);
    }
  });

  test("of labels, probabilities, numbers and weights", () => {
    const { checkTargets, checkOutputs } = binaryCrossEntropy();
    assert.equal(checkTargets(floats([0, 0.5, 1]), [3]), null);
    for (const bad of [-1, 1.5, 2, nan]) {
      assert.match(checkTargets(floats([0, bad]), [2]) as string, /target .* is outside 0 to 1/);
    }
    assert.equal(checkOutputs?.(floats([0, 1, nan])), null, "a NaN shows in the loss");
    assert.match(checkOutputs?.(floats([3])) as string, /the output 3 is no probability/);
    assert.equal(binaryCrossEntropy({ fromLogits: true }).checkOutputs, undefined);
    for (const loss of [meanSquaredError(), meanAbsoluteError(), huber()]) {
      assert.equal(loss.checkTargets(floats([-1e30]), [1]), null);
      for (const bad of [nan, infinity]) {
        assert.match(
          loss.checkTargets(floats([0, bad]), [2]) as string,
          /target (NaN|Infinity) is not a finite/,
        );
      }
    }
    const check = crossEntropy({ weightKey: "w" }).checkBatch?.w;
    assert.equal(check?.(floats([0, 2])), null);
    assert.match(check?.(floats([-1])) as string, /weight -1 is not 0 or more/);
    assert.match(check?.(floats([nan])) as string, /weight NaN/);
    assert.match(check?.(floats([0, 0])) as string, /all weights of the batch are 0/);
  });
});

describe("a softmax before cross entropy", () => {
  const { layers } = tf;
  const dense = (activation: "softmax" | "sigmoid" | "linear") =>
    layers.dense({ name: "last", units: 3, inputShape: [2], activation });
  const hidden = () => layers.dense({ units: 3, inputShape: [2] });
  const logits = binaryCrossEntropy({ fromLogits: true });

  test("is told, wherever the layer is", () => {
    const input = tf.input({ shape: [2] });
    const functional = tf.model({
      inputs: input,
      outputs: layers.softmax({ name: "last" }).apply(hidden().apply(input)) as tf.SymbolicTensor,
    });
    const wrapped = layers.timeDistributed({ layer: dense("softmax"), inputShape: [4, 2] });
    for (const model of [
      tf.sequential({ layers: [dense("softmax")] }),
      tf.sequential({
        layers: [hidden(), layers.activation({ name: "last", activation: "softmax" })],
      }),
      tf.sequential({ layers: [tf.sequential({ layers: [dense("softmax")] })] }),
      tf.sequential({ layers: [wrapped] }),
      functional,
    ]) {
      const line = warnsOfSoftmax(model, crossEntropyLoss) as string;
      assert.match(line, /^layer "last" ends the model in a softmax, and cross entropy applies one itself/);
      assert.equal(warnsOfSoftmax(model, crossEntropy({ labelSmoothing: 0.1 })), line);
      assert.equal(warnsOfSoftmax(model, meanSquaredError()), null);
      assert.equal(warnsOfSoftmax(model, logits), null);
    }
    assert.match(
      warnsOfSoftmax(tf.sequential({ layers: [dense("sigmoid")] }), logits) as string,
      /in a sigmoid, and binaryCrossEntropy with fromLogits: true applies one/,
    );
  });

  test("is not told where there is none, or nobody can know", () => {
    const input = tf.input({ shape: [2] });
    const twoHeads = tf.model({
      inputs: input,
      outputs: [
        dense("softmax").apply(input),
        layers.dense({ units: 1 }).apply(input),
      ] as tf.SymbolicTensor[],
    });
    const inside = tf.sequential({ layers: [dense("softmax"), layers.dense({ units: 2 })] });
    for (const model of [
      tf.sequential({ layers: [dense("linear")] }),
      inside,
      twoHeads,
      { parameters: {} },
    ]) {
      assert.equal(warnsOfSoftmax(model, crossEntropyLoss), null);
    }
    const softmax = tf.sequential({ layers: [dense("softmax")] });
    assert.equal(warnsOfSoftmax(softmax, binaryCrossEntropy()), null);
    assert.equal(
      warnsOfSoftmax(softmax, (outputs) => outputs.mean()),
      null,
    );
  });
});
