import assert from "node:assert/strict";
import { before, test } from "node:test";
import { namedParameters } from "../../../src/core/parameters.js";
import { setRequiresGrad } from "../../../src/core/requires-grad.js";
import { loadEngine } from "../../../src/engine/load.js";
import { tf } from "../../../src/engine/tf.js";

before(() => loadEngine("cpu"));

const { dense, batchNormalization } = tf.layers;
const named = () =>
  tf.sequential({
    layers: [dense({ name: "dense1", units: 4, inputShape: [3] }), dense({ name: "dense2", units: 2 })],
  });
const trainables = (model: tf.LayersModel) =>
  namedParameters(model).flatMap(({ name, trainable }) => (trainable ? [name] : []));

test("names and order survive a rebuild, also of layers without a name", () => {
  const build = () =>
    tf.sequential({
      layers: [dense({ units: 4, inputShape: [3] }), batchNormalization(), dense({ units: 2 })],
    });
  const first = namedParameters(build()).map(({ name }) => name);
  const second = namedParameters(build()).map(({ name }) => name);
  assert.deepEqual(second, first);
  assert.deepEqual(first.slice(0, 2), ["dense_0/kernel", "dense_0/bias"]);
  assert.equal(new Set(first).size, first.length);
});

test("freezing by layer, by name and by weight changes who learns but not the order", () => {
  const model = named();
  const order = namedParameters(model).map(({ name }) => name);
  setRequiresGrad(model.layers[0], false);
  assert.deepEqual(trainables(model), ["dense2/kernel", "dense2/bias"]);
  setRequiresGrad(model, true);
  assert.deepEqual(trainables(model), order);
  setRequiresGrad(model, { dense1: false, "dense2/kernel": false });
  assert.deepEqual(trainables(model), ["dense2/bias"]);
  setRequiresGrad(model, false);
  assert.deepEqual(trainables(model), []);
  assert.deepEqual(
    namedParameters(model).map(({ name }) => name),
    order,
  );
});

test("unfreezing a model does not make moving averages learn", () => {
  const model = tf.sequential({ layers: [batchNormalization({ name: "bn", inputShape: [3] })] });
  setRequiresGrad(model, true);
  assert.deepEqual(trainables(model), ["bn/gamma", "bn/beta"]);
});

test("a weight frozen by name learns again when the model is unfrozen", () => {
  const model = named();
  setRequiresGrad(model, { "dense2/kernel": false });
  setRequiresGrad(model, true);
  assert.equal(trainables(model).length, 4);
});

test("an unknown name is an error that lists the known ones", () => {
  assert.throws(
    () => setRequiresGrad(named(), { dense3: false }),
    /"dense3"; known: dense1, dense2, dense1\/kernel/,
  );
});

test("a module is frozen by its variables", () => {
  const module = { parameters: { w: tf.variable(tf.ones([2])), b: tf.variable(tf.ones([1])) } };
  setRequiresGrad(module, { w: false });
  assert.deepEqual(
    namedParameters(module).map(({ name, trainable }) => [name, trainable]),
    [
      ["w", false],
      ["b", true],
    ],
  );
  setRequiresGrad(module, true);
  assert.ok(module.parameters.w.trainable);
});
