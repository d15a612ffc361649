// The fused dense layer, cross entropy and optimizers of the wasm engine: against tfjs's own, finite differences, and
// themselves (same bits every time, nothing left behind).
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { Optimizer, Scalar, Tensor } from "@tensorflow/tfjs-core";
import type { FlatGradients } from "../../../src/core/context.js";
import { namedParameters, type Parameter } from "../../../src/core/parameters.js";
import { setRequiresGrad } from "../../../src/core/requires-grad.js";
import { applyGradients } from "../../../src/engine/apply-gradients.js";
import { crossEntropyLoss } from "../../../src/engine/cross-entropy.js";
import { loadOptimizer, readOptimizer, readSettings } from "../../../src/engine/optimizer-state.js";
import { tf } from "../../../src/engine/tf.js";
import { installKernels } from "../../../src/engine/wasm/install.js";
import { Kernels } from "../../../src/engine/wasm/kernels.js";
import { assertClose, bits, loadKernels, numbers, random, withStock } from "../../support/kernels.js";

let kernels: Kernels;
before(async () => {
  kernels = await loadKernels();
});

test("the environment switches the kernels off", () => {
  assert.equal(installKernels({ DDP_STOCK_KERNELS: "1" }), "stock kernels");
  assert.equal(installKernels({}), "own kernels");
});

describe("cross entropy", () => {
  const targetsFor = (m: number, n: number) =>
    tf.tensor1d(
      Int32Array.from({ length: m }, (_, i) => (i * 7) % n),
      "int32",
    );

  test("loss and gradient are tfjs's, for any number of rows and classes", () => {
    for (const m of [1, 2, 5, 32]) {
      for (const n of [2, 3, 4, 5, 7, 8, 10, 13, 100]) {
        const logits = tf.mul(random([m, n], m * n), 8);
        const targets = targetsFor(m, n);
        const both = () => tf.valueAndGrad((x) => crossEntropyLoss(x, targets))(logits);
        const [own, stock] = [both(), withStock(both)];
        assertClose(own.grad, stock.grad, 2e-6, `gradient ${m}x${n}`);
        const [a, b] = [own.value.dataSync()[0], stock.value.dataSync()[0]];
        assert.ok(Math.abs(a - b) <= 2e-6 * Math.max(1, b), `loss ${m}x${n}: ${a} and ${b}`);
      }
    }
  });

  test("logits of any size: no overflow, and NaN or infinity give NaN as in tfjs", () => {
    const loss = (values: number[]) =>
      crossEntropyLoss(tf.tensor2d([values]), tf.tensor1d([1], "int32")).dataSync()[0];
    assert.equal(loss([1000, 0, -1000]), 1000);
    assert.ok(Math.abs(loss([-3000, -3000, -3000]) - Math.log(3)) < 1e-6);
    assert.equal(loss([0, 0, Number.NEGATIVE_INFINITY]), Math.fround(Math.log(2)));
    assert.ok(Number.isNaN(loss([Number.NaN, 0, 0])));
    assert.ok(Number.isNaN(loss([Number.POSITIVE_INFINITY, 0, 0])));
    assert.ok(Number.isNaN(loss([0, 0, 0, 0, Number.NaN])));
  });

  test("a scaled loss scales the gradient; a loss used twice adds up", () => {
    const [logits, targets] = [random([6, 5]), targetsFor(6, 5)];
    const plain = tf.grad((x) => crossEntropyLoss(x, targets))(logits);
    const scaled = tf.grad((x) => tf.mul(crossEntropyLoss(x, targets), 3))(logits);
    assertClose(scaled, tf.mul(plain, 3), 1e-6, "times 3");
    const twice = tf.grad((x) => tf.add(crossEntropyLoss(x, targets), crossEntropyLoss(x, targets)))(logits);
    assertClose(twice, tf.mul(plain, 2), 1e-6, "twice");
  });

  test("a target that is no class and float targets do as without the kernel", () => {
    const logits = random([3, 4]);
    const grad = () => tf.grad((x) => crossEntropyLoss(x, tf.tensor1d([0, -1, 4], "int32")))(logits);
    assertClose(grad(), withStock(grad), 1e-6, "targets that are no class");
    assert.throws(() => crossEntropyLoss(logits, tf.tensor1d([1, 2, 3], "float32")), /int32/);
  });
});

/** dense(5 -> 7, relu) -> dense(7 -> 3), or what is asked for; weights are the same every time. */
function makeModel(activation: "relu" | "linear" | "tanh" = "relu", useBias = true, inputs = 5, hidden = 7) {
  const init = (seed: number) => tf.initializers.randomUniform({ minval: -0.9, maxval: 0.9, seed });
  const dense = (units: number, seed: number, extra: object) =>
    tf.layers.dense({
      units,
      useBias,
      kernelInitializer: init(seed),
      biasInitializer: init(seed + 1),
      ...extra,
    });
  return tf.sequential({
    layers: [dense(hidden, 1, { activation, inputShape: [inputs] }), dense(3, 3, {})],
  });
}

function lossOf(model: tf.LayersModel, x: Tensor, targets: Tensor): Scalar {
  return crossEntropyLoss(model.apply(x, { training: true }) as Tensor, targets);
}

function gradientsOf(model: tf.LayersModel, x: Tensor, targets: Tensor): Tensor[] {
  const variables = trainable(model).map(({ variable }) => variable);
  const { grads, value } = tf.variableGrads(() => lossOf(model, x, targets), variables);
  value.dispose();
  return variables.map(({ name }) => grads[name]);
}

function trainable(model: tf.LayersModel): Parameter[] {
  return namedParameters(model).filter((parameter) => parameter.trainable);
}

const labels = (m: number) =>
  tf.tensor1d(
    Int32Array.from({ length: m }, (_, i) => i % 3),
    "int32",
  );

describe("dense layers", () => {
  test("outputs and gradients are tfjs's", () => {
    for (const activation of ["relu", "linear", "tanh"] as const) {
      for (const useBias of [true, false]) {
        for (const m of [1, 2, 9, 32]) {
          const model = makeModel(activation, useBias);
          const [x, y] = [random([m, 5], m), labels(m)];
          const own = gradientsOf(model, x, y);
          const stock = withStock(() => gradientsOf(model, x, y));
          own.forEach((grad, i) => {
            assertClose(grad, stock[i], 1e-5, `${activation} ${useBias} ${m} weight ${i}`);
          });
          const output = () => model.apply(x) as Tensor;
          assertClose(output(), withStock(output), 1e-6, "output");
        }
      }
    }
  });

  test("gradients are what finite differences say", () => {
    const model = makeModel();
    const [x, y] = [random([8, 5], 3), labels(8)];
    const grads = gradientsOf(model, x, y);
    const step = 2 ** -9;
    for (const [i, { name, variable }] of trainable(model).entries()) {
      const values = variable.dataSync().slice();
      const loss = (at: number, value: number) => {
        const moved = values.slice();
        moved[at] = value;
        return tf.tidy(() => {
          variable.assign(tf.tensor(moved, variable.shape));
          return lossOf(model, x, y).dataSync()[0];
        });
      };
      for (let at = 0; at < values.length; at++) {
        const slope = (loss(at, values[at] + step) - loss(at, values[at] - step)) / (2 * step);
        const grad = grads[i].dataSync()[at];
        assert.ok(Math.abs(slope - grad) < 5e-4, `${name}[${at}]: ${grad}, differences say ${slope}`);
      }
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
    }
  });

  test("no gradient of the input or of frozen weights is computed", async () => {
    const model = makeModel();
    setRequiresGrad(model.layers[0], false);
    const { kernelNames, kernels: calls } = await tf.profile(() => {
      gradientsOf(model, random([4, 5]), labels(4));
      return tf.scalar(0);
    });
    assert.ok(kernelNames.includes("DdpDense"), kernelNames.join());
    // One layer learns: one product, its weights' gradient.
    assert.deepEqual(
      calls.filter(({ name }) => name === "BatchMatMul").map(({ outputShapes }) => outputShapes[0]),
      [[7, 3]],
    );
  });

  test("gradients reach the input when they are asked for, and gradients of gradients work", () => {
    const model = makeModel();
    const [x, y] = [random([4, 5]), labels(4)];
    const grad = () => tf.grad((input) => lossOf(model, input, y))(x);
    assertClose(grad(), withStock(grad), 1e-5, "input");
    const smooth = makeModel("linear");
    const penalty = () =>
      tf.grad((a) => tf.sum(tf.square(tf.grad((b) => tf.sum(tf.square(smooth.apply(b) as Tensor)))(a))))(x);
    assertClose(penalty(), withStock(penalty), 1e-5, "second order");
  });
});

function optimizers(): Record<string, () => Optimizer> {
  return {
    sgd: () => tf.train.sgd(0.1),
    momentum: () => tf.train.momentum(0.1, 0.9),
    nesterov: () => tf.train.momentum(0.1, 0.9, true),
    adam: () => tf.train.adam(1e-3, 0.9, 0.999, 1e-8),
    "adam, defaults": () => tf.train.adam(0.01),
    rmsprop: () => tf.train.rmsprop(0.01),
  };
}

function flatGradients(parameters: readonly Parameter[], seed: number): FlatGradients {
  const flat = numbers(
    parameters.reduce((sum, { variable }) => sum + variable.size, 0),
    seed,
  );
  return { parameters, flat };
}

async function state(
  optimizer: Optimizer,
  parameters: readonly Parameter[],
): Promise<Record<string, number[]>> {
  const slots = Object.entries(await readOptimizer(optimizer, parameters));
  return Object.fromEntries([
    ...slots.map(([name, { data }]) => [name, [...data]]),
    ...parameters.map(({ name, variable }) => [name, [...variable.dataSync()]]),
  ]);
}

describe("optimizers", () => {
  for (const [name, make] of Object.entries(optimizers())) {
    test(`${name}: weights and state have tfjs's bits, whoever takes which step`, async () => {
      const results = [];
      for (const own of [
        [true, true, true, true],
        [false, false, false, false],
        [false, true, false, true],
      ]) {
        // Its first weight is larger than the part of a gradient that is copied at a time.
        const parameters = trainable(makeModel("relu", true, 401, 170));
        const optimizer = make();
        for (const [i, useOwn] of own.entries()) {
          const step = () => applyGradients(optimizer, flatGradients(parameters, i));
          if (useOwn) step();
          else withStock(step);
        }
        results.push(await state(optimizer, parameters));
      }
      assert.deepEqual(results[0], results[1]);
      assert.deepEqual(results[2], results[1]);
    });

    test(`${name}: a restored optimizer goes on bit for bit`, async () => {
      const [a, b] = [trainable(makeModel()), trainable(makeModel())];
      const [first, second] = [make(), make()];
      for (let i = 0; i < 3; i++) applyGradients(first, flatGradients(a, i));
      loadOptimizer(second, await readOptimizer(first, a), readSettings(first), b);
      for (const [i, { variable }] of b.entries()) variable.assign(a[i].variable);
      for (let i = 3; i < 6; i++) {
        applyGradients(first, flatGradients(a, i));
        applyGradients(second, flatGradients(b, i));
      }
      assert.deepEqual(await state(second, b), await state(first, a));
    });
  }

  test("a new learning rate counts from the next step", () => {
    const parameters = trainable(makeModel());
    const optimizer = tf.train.sgd(1);
    const before = parameters.map(({ variable }) => variable.dataSync().slice());
    optimizer.setLearningRate(0);
    applyGradients(optimizer, flatGradients(parameters, 1));
    assert.deepEqual(
      parameters.map(({ variable }) => variable.dataSync()),
      before,
    );
  });

  test("a clone of a weight keeps the old values", () => {
    const parameters = trainable(makeModel());
    const { variable } = parameters[0];
    const [clone, values] = [variable.clone(), variable.dataSync().slice()];
    applyGradients(tf.train.sgd(0.1), flatGradients(parameters, 1));
    assert.deepEqual(clone.dataSync(), values);
    assert.notDeepEqual(variable.dataSync(), values);
  });

  test("tfjs's own kernels see weights that changed in place", () => {
    // They keep convolution filters repacked by the tensor's id.
    const variable = tf.tidy(() => tf.variable(random([3, 3, 2, 4])));
    const x = random([1, 6, 6, 2], 2);
    const run = (filter: Tensor) =>
      withStock(() => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, "same"));
    run(variable);
    const parameters = [{ name: "filter", variable, trainable: true }];
    applyGradients(tf.train.sgd(0.5), flatGradients(parameters, 4));
    assert.deepEqual(bits(run(variable)), bits(run(tf.tensor(variable.dataSync(), variable.shape))));
  });
});

describe("a whole step", () => {
  function train(steps: number, grow = false): { hash: number[]; memory: string[] } {
    const model = makeModel("relu", true, 400, 96);
    const parameters = trainable(model);
    const optimizer = tf.train.adam(1e-3);
    const memory: string[] = [];
    const kept: Tensor[] = [];
    for (let i = 0; i < steps; i++) {
      if (grow && i === 2) kept.push(tf.zeros([kernels.backend.wasm.HEAPU8.length / 4]));
      const [x, y] = [random([32, 400], i, 0.8), labels(32)];
      const grads = gradientsOf(model, x, y);
      const flat = new Float32Array(grads.flatMap((grad) => [...grad.dataSync()]));
      applyGradients(optimizer, { parameters, flat });
      tf.dispose([x, y, ...grads]);
      const { numTensors, numBytes, numDataBuffers } = tf.memory();
      memory.push(`${numTensors} ${numBytes} ${numDataBuffers}`);
    }
    tf.dispose(kept);
    return { hash: parameters.flatMap(({ variable }) => [...bits(variable)]), memory };
  }

  test("leaves nothing behind", () => {
    const { memory } = train(6);
    assert.deepEqual(memory.slice(2), Array(4).fill(memory[1]));
  });

  test("gives the same bits every time, also where the memory grows meanwhile", () => {
    const first = train(4);
    assert.deepEqual(train(4).hash, first.hash);
    assert.deepEqual(train(4, true).hash, first.hash);
  });
});

test("a backend without memory to share is refused with the reason", () => {
  assert.throws(() => new Kernels({ wasm: { asm: {} } } as never), /memory/);
});
