import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { UsageError } from "../../../src/core/errors.js";
import { namedParameters } from "../../../src/core/parameters.js";
import { crossEntropyLoss } from "../../../src/engine/cross-entropy.js";
import { countGpus } from "../../../src/engine/gpus.js";
import { loadEngine } from "../../../src/engine/load.js";
import { loadOptimizer, readOptimizer, readSettings } from "../../../src/engine/optimizer-state.js";
import { chooseEngine } from "../../../src/engine/probe.js";
import { tf } from "../../../src/engine/tf.js";
import { packageMissing as missing } from "../../support/native-failures.js";

describe("choosing an engine", () => {
  test("auto falls back to wasm and says why each better engine was skipped", async () => {
    const choice = await chooseEngine("auto", 2, 0, missing);
    assert.equal(choice.engine, "wasm");
    assert.match(choice.description, /^wasm \(tfjs 4\./);
    assert.deepEqual(
      choice.skipped.map(({ engine }) => engine),
      ["cuda", "native"],
    );
    assert.match(choice.skipped[0].reason, /no NVIDIA GPU found/);
    assert.match(choice.skipped[1].reason, /is not installed/);
  });

  test("an engine asked for by name is not replaced by another", async () => {
    await assert.rejects(chooseEngine("cuda", 4, 0, missing), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(
        error.message,
        /^--device cuda: no NVIDIA GPU found on this machine for 4 workers; use --device auto/,
      );
      return true;
    });
    await assert.rejects(chooseEngine("cuda", 4, 2, missing), /only 2 NVIDIA GPUs/);
    await assert.rejects(chooseEngine("native", 1, 0, missing), UsageError);
  });

  test("a hidden GPU is not counted", () => {
    assert.equal(countGpus({ ...process.env, CUDA_VISIBLE_DEVICES: "" }), 0);
    assert.equal(countGpus({ ...process.env, CUDA_VISIBLE_DEVICES: "-1" }), 0);
  });

  test("starting wasm leaves the process's error listeners as they were", async () => {
    const before = process.listenerCount("uncaughtException");
    await loadEngine("wasm");
    assert.equal(process.listenerCount("uncaughtException"), before);
  });
});

describe("on wasm", () => {
  before(() => loadEngine("wasm"));

  test("cross entropy and its gradient equal tfjs's own", () => {
    const logits = tf.randomNormal([7, 5], 0, 3, "float32", 1) as tf.Tensor2D;
    const targets = tf.tensor1d([0, 4, 2, 2, 1, 3, 0], "int32");
    const ours = tf.valueAndGrad((x) => crossEntropyLoss(x, targets))(logits);
    const oneHot = tf.oneHot(targets, 5);
    const stock = tf.valueAndGrad((x) => tf.losses.softmaxCrossEntropy(oneHot, x) as tf.Scalar)(logits);
    assert.ok(Math.abs(ours.value.dataSync()[0] - stock.value.dataSync()[0]) < 1e-6);
    const [a, b] = [ours.grad.dataSync(), stock.grad.dataSync()];
    for (let i = 0; i < a.length; i++)
      assert.ok(Math.abs(a[i] - b[i]) < 1e-7, `gradient ${i}: ${a[i]} ${b[i]}`);
  });

  test("ops are methods of tensors, as in the package @tensorflow/tfjs", () => {
    const x = tf.tensor2d([
      [1, 2],
      [3, 4],
    ]);
    assert.deepEqual([...x.slice([0, 1], [2, 1]).mul(10).as1D().dataSync()], [20, 40]);
    assert.deepEqual(x.concat(x, 1).shape, [2, 4]);
    assert.equal(x.sum().toInt().dataSync()[0], 10);
  });

  test("cross entropy of huge logits stays finite", () => {
    const loss = crossEntropyLoss(tf.tensor2d([[1e4, -1e4]]), tf.tensor1d([0], "int32"));
    assert.equal(Math.abs(loss.dataSync()[0]), 0);
  });

  for (const [name, make] of [
    ["Adam", () => tf.train.adam(1e-2)],
    ["SGD", () => tf.train.sgd(1e-2)],
    ["momentum", () => tf.train.momentum(1e-2, 0.9)],
  ] as const) {
    test(`${name} goes on from its saved state bit for bit`, async () => {
      const build = () => tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4] })] });
      const x = tf.randomNormal([8, 4], 0, 1, "float32", 7);
      const step = (model: tf.Sequential, optimizer: tf.Optimizer) =>
        optimizer.minimize(() => tf.sum(tf.square(model.apply(x) as tf.Tensor)) as tf.Scalar);
      const [model, optimizer] = [build(), make()];
      for (let i = 0; i < 5; i++) step(model, optimizer);
      const state = await readOptimizer(optimizer, namedParameters(model));
      const weights = namedParameters(model).map(({ variable }) => variable.clone());

      const [copy, restored] = [build(), make()];
      for (const [i, { variable }] of namedParameters(copy).entries())
        variable.assign(weights[i] as tf.Variable);
      loadOptimizer(restored, state, readSettings(optimizer), namedParameters(copy));
      for (let i = 0; i < 5; i++) {
        step(model, optimizer);
        step(copy, restored);
      }
      const bits = (m: tf.Sequential) => namedParameters(m).map(({ variable }) => [...variable.dataSync()]);
      assert.deepEqual(bits(copy), bits(model));
    });
  }

  test("a state for another optimizer is refused", async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4] })] });
    const adam = tf.train.adam(1e-2);
    adam.minimize(() => tf.sum(model.apply(tf.ones([2, 4])) as tf.Tensor) as tf.Scalar);
    const state = await readOptimizer(adam, namedParameters(model));
    assert.throws(() => loadOptimizer(tf.train.sgd(1), state, null, namedParameters(model)), /not for SGD/);
    const settings = readSettings(adam);
    assert.throws(
      () => loadOptimizer(tf.train.sgd(1), {}, settings, namedParameters(model)),
      /is of Adam, the stage's optimizer is SGD/,
    );
  });
});
