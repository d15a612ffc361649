// What every engine promises, whatever it is made of. For an engine that computes on a device: nothing here reads a
// tensor synchronously.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { before, test } from "node:test";
import type { Optimizer, Scalar, Tensor, Tensor2D } from "@tensorflow/tfjs-core";
import { namedParameters, type Parameter } from "../../src/core/parameters.js";
import { applyGradients, readGradients } from "../../src/engine/apply-gradients.js";
import { composedCrossEntropy, crossEntropyLoss } from "../../src/engine/cross-entropy.js";
import { currentEngine } from "../../src/engine/current.js";
import type { Engine } from "../../src/engine/engine.js";
import { loadOptimizer, readOptimizer, readSettings } from "../../src/engine/optimizer-state.js";
import { readTensor, toTensor } from "../../src/engine/tensor-state.js";
import { tf } from "../../src/engine/tf.js";
import { numbers, random } from "./kernels.js";

/** Defines the tests; to be called within a `describe` of the engine. `load` makes it the current one. */
export function testConformance(load: () => Promise<Engine>): void {
  before(load);

  test("it is the current engine, and says what it is in one line", async () => {
    const engine = await load();
    assert.equal(currentEngine(), engine);
    assert.match(engine.description, /^[^\n]+$/);
  });

  test("gradients of odd sizes, empty and missing ones are read in their order; the rest stays as it was", async () => {
    const sizes = [1, 0, 7, 3, 0, 65_537, 2, 5];
    const tensors = sizes.map((size, i) => (i === 3 || i === 7 ? undefined : random([size], i + 1)));
    tensors[6]?.dispose();
    const withNull: (Tensor | null | undefined)[] = [...tensors];
    withNull[6] = null;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const around = new Float32Array(total + 2).fill(9);
    await readGradients(withNull, sizes, around.subarray(1, total + 1));
    const expected = sizes.flatMap((size, i) =>
      withNull[i] ? [...numbers(size, i + 1)] : new Array<number>(size).fill(0),
    );
    assert.deepEqual(around, Float32Array.of(9, ...expected, 9));
    tf.dispose(tensors.filter((tensor) => tensor !== undefined && !tensor.isDisposed) as Tensor[]);
  });

  test("matrices are read row by row; nothing at all is read as zeros", async () => {
    const target = new Float32Array(6).fill(9);
    await readGradients([random([2, 3], 4)], [6], target);
    assert.deepEqual(target, numbers(6, 4));
    await readGradients([null, undefined], [2, 4], target);
    assert.deepEqual(target, new Float32Array(6));
    await readGradients([], [], new Float32Array(0));
    await readGradients([tf.zeros([0, 3])], [0], new Float32Array(0));
  });

  test("what is not float32, or of another size, is refused before anything is read", async () => {
    const target = new Float32Array(4).fill(9);
    const read = async (tensors: Tensor[], sizes: number[]) => readGradients(tensors, sizes, target);
    const good = random([2]);
    await assert.rejects(
      read([good, tf.tensor1d([1, 2], "int32")], [2, 2]),
      /gradient is int32; only float32/,
    );
    await assert.rejects(read([good, tf.tensor1d([true, false], "bool")], [2, 2]), /gradient is bool/);
    await assert.rejects(read([good, good], [2, 3]), /2 values came for a weight of 3/);
    await assert.rejects(read([good], [2]), /do not fit into 4/);
    await assert.rejects(read([good, good], [2]), /2 gradients of 1 weights/);
    assert.deepEqual(target, Float32Array.of(9, 9, 9, 9));
  });

  for (const [name, make] of Object.entries(OPTIMIZERS)) {
    test(`${name}: a step gives the bits of tfjs's own, weights and state`, async () => {
      const [ours, stock] = [makeWeights(), makeWeights()];
      const [own, other] = [make(), make()];
      for (let step = 0; step < 3; step++) {
        applyGradients(own, flatGradients(ours, step));
        stepOfTfjs(other, stock, step);
      }
      assert.deepEqual(await stateOf(own, ours), await stateOf(other, stock));
    });

    test(`${name}: weights and state that were saved and restored go on bit for bit`, async () => {
      const [first, second] = [makeWeights(), makeWeights()];
      const [a, b] = [make(), make()];
      for (let step = 0; step < 3; step++) applyGradients(a, flatGradients(first, step));
      loadOptimizer(b, await readOptimizer(a, first), readSettings(a), second);
      for (const [i, { variable }] of second.entries()) {
        const saved = toTensor(await readTensor(first[i].variable));
        variable.assign(saved);
        saved.dispose();
      }
      for (let step = 3; step < 6; step++) {
        applyGradients(a, flatGradients(first, step));
        applyGradients(b, flatGradients(second, step));
      }
      assert.deepEqual(await stateOf(b, second), await stateOf(a, first));
    });
  }

  test("an optimizer's state of another shape is refused, with the weight and both shapes; nothing changes", async () => {
    for (const name of ["momentum", "adam", "rmsprop", "adagrad", "adadelta"] as const) {
      const make = OPTIMIZERS[name];
      const [parameters, others] = [makeWeights(), makeWeights([5, 3])];
      const [trained, optimizer] = [make(), make()];
      applyGradients(trained, flatGradients(others, 1));
      const state = await readOptimizer(trained, others);
      const before = await stateOf(optimizer, parameters);
      assert.throws(() => loadOptimizer(optimizer, state, readSettings(trained), parameters), {
        name: "UsageError",
        message: /second\/\w+ has shape \[5,3\], but its weight has \[3,5\]/,
      });
      assert.deepEqual(await stateOf(optimizer, parameters), before);
      // Put there some other way, it is noticed before a kernel writes.
      const field = Object.keys(optimizer).find((key) => /^accumul/.test(key)) as string;
      const fields = [trained, optimizer] as unknown as Record<string, unknown>[];
      fields[1][field] = fields[0][field];
      assert.throws(() => applyGradients(optimizer, flatGradients(parameters, 1)), {
        name: "UsageError",
        message: /optimizer's state for the weight "second" has the shape \[5,3\], the weight \[3,5\]/,
      });
    }
  });

  test("gradients that are not as many as the weights' values are refused; nothing changes", async () => {
    const [parameters, optimizer] = [makeWeights(), OPTIMIZERS.sgd()];
    const before = await stateOf(optimizer, parameters);
    for (const length of [0, 272, 274]) {
      const flat = new Float32Array(length);
      assert.throws(() => applyGradients(optimizer, { parameters, flat }), {
        name: "UsageError",
        message: `${length} gradients do not fit 3 weights of 273 values`,
      });
    }
    assert.deepEqual(await stateOf(optimizer, parameters), before);
  });

  test("cross entropy and its gradient are the composed ones", async () => {
    for (const [m, n] of [
      [1, 2],
      [7, 5],
      [32, 10],
      [3, 101],
    ]) {
      const logits = tf.mul(random([m, n], m + n), 6) as Tensor2D;
      const targets = targetsOf(m, n);
      const [ours, composed] = [crossEntropyLoss, composedCrossEntropy].map((loss) =>
        tf.valueAndGrad((x) => loss(x, targets))(logits),
      );
      await assertNear(ours.value, composed.value, 2e-6, `loss ${m}x${n}`);
      await assertNear(ours.grad, composed.grad, 2e-6, `gradient ${m}x${n}`);
    }
  });

  test("the gradient of cross entropy is what finite differences say", async () => {
    const [m, n, step] = [3, 4, 2 ** -6];
    const values = numbers(m * n, 5);
    const targets = targetsOf(m, n);
    const lossAt = async (at: number, by: number): Promise<number> => {
      const moved = values.slice();
      moved[at] += by;
      const logits = tf.tensor2d(moved, [m, n]);
      return (await crossEntropyLoss(logits, targets).data())[0];
    };
    const grad = await tf
      .grad((x) => crossEntropyLoss(x, targets))(tf.tensor2d(values, [m, n]))
      .data();
    for (let at = 0; at < values.length; at++) {
      const slope = ((await lossAt(at, step)) - (await lossAt(at, -step))) / (2 * step);
      assert.ok(Math.abs(slope - grad[at]) < 2e-4, `gradient ${at}: ${grad[at]}, differences say ${slope}`);
    }
  });

  test("training leaves no tensor behind, and gives the same bits every time", async () => {
    const first = await train();
    assert.deepEqual(first.tensors.slice(2), new Array(first.tensors.length - 2).fill(first.tensors[1]));
    assert.equal((await train()).hash, first.hash);
  });

  test("saving the optimizer leaves no tensor behind", async () => {
    const [parameters, optimizer] = [makeWeights(), OPTIMIZERS.adam()];
    applyGradients(optimizer, flatGradients(parameters, 1));
    const { numTensors } = tf.memory();
    await readOptimizer(optimizer, parameters);
    assert.equal(tf.memory().numTensors, numTensors);
  });
}

/** SGD, momentum and Adam, which an engine may take over, and others, which it must leave to tfjs. */
const OPTIMIZERS = {
  sgd: () => tf.train.sgd(0.1),
  momentum: () => tf.train.momentum(0.1, 0.9),
  nesterov: () => tf.train.momentum(0.1, 0.9, true),
  adam: () => tf.train.adam(0.01),
  "a subclass of SGD": () => new (class Halving extends tf.SGDOptimizer {})(0.1),
  rmsprop: () => tf.train.rmsprop(0.01),
  adagrad: () => tf.train.adagrad(0.1),
  adadelta: () => tf.train.adadelta(0.1),
} satisfies Record<string, () => Optimizer>;

function makeWeights(second = [3, 5]): Parameter[] {
  return [
    ["first", [1]],
    ["second", second],
    ["third", [257]],
  ].map(([name, shape], i) => {
    const value = random(shape as number[], i + 7);
    const variable = tf.variable(value);
    value.dispose();
    return { name: name as string, trainable: true, variable };
  });
}

function flatGradients(parameters: readonly Parameter[], seed: number) {
  const flat = numbers(
    parameters.reduce((sum, { variable }) => sum + variable.size, 0),
    seed + 100,
  );
  return { parameters, flat };
}

function stepOfTfjs(optimizer: Optimizer, parameters: readonly Parameter[], seed: number): void {
  const { flat } = flatGradients(parameters, seed);
  let offset = 0;
  const named = parameters.map(({ variable }) => {
    const tensor = tf.tensor(flat.slice(offset, offset + variable.size), variable.shape);
    offset += variable.size;
    return { name: variable.name, tensor };
  });
  optimizer.applyGradients(named);
  tf.dispose(named.map(({ tensor }) => tensor));
}

async function stateOf(
  optimizer: Optimizer,
  parameters: readonly Parameter[],
): Promise<Record<string, number[]>> {
  const state: Record<string, number[]> = {};
  for (const [name, { data }] of Object.entries(await readOptimizer(optimizer, parameters)))
    state[name] = [...data];
  for (const { name, variable } of parameters) state[name] = [...(await variable.data())];
  return state;
}

function targetsOf(m: number, n: number): Tensor {
  return tf.tensor1d(
    Int32Array.from({ length: m }, (_, i) => (i * 7) % n),
    "int32",
  );
}

async function assertNear(actual: Tensor, expected: Tensor, tolerance: number, what: string): Promise<void> {
  const [got, want] = [[...(await actual.data())], [...(await expected.data())]];
  assert.equal(got.length, want.length, what);
  const scale = want.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  for (let i = 0; i < want.length; i++)
    assert.ok(Math.abs(got[i] - want[i]) <= tolerance * scale, `${what} [${i}]: ${got[i]}, not ${want[i]}`);
}

/** A few steps of a small network, as a run takes them; the tensors alive after each, and a hash of the weights. */
async function train(): Promise<{ tensors: number[]; hash: string }> {
  const init = (seed: number) => tf.initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed });
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [6], units: 9, activation: "relu", kernelInitializer: init(1) }),
      tf.layers.dense({ units: 4, kernelInitializer: init(2) }),
    ],
  });
  const parameters = namedParameters(model);
  const sizes = parameters.map(({ variable }) => variable.size);
  const flat = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
  const optimizer = OPTIMIZERS.adam();
  const targets = targetsOf(8, 4);
  const tensors: number[] = [];
  for (let step = 0; step < 6; step++) {
    const x = random([8, 6], step);
    const { value, grads } = tf.variableGrads(
      () => crossEntropyLoss(model.apply(x, { training: true }) as Tensor, targets) as Scalar,
      parameters.map(({ variable }) => variable),
    );
    await readGradients(
      parameters.map(({ variable }) => grads[variable.name]),
      sizes,
      flat,
    );
    applyGradients(optimizer, { parameters, flat });
    tf.dispose([x, value, grads]);
    tensors.push(tf.memory().numTensors);
  }
  const hash = createHash("sha256");
  for (const { variable } of parameters) hash.update(new Uint8Array((await variable.data()).slice().buffer));
  optimizer.dispose();
  model.dispose();
  targets.dispose();
  return { tensors, hash: hash.digest("hex") };
}
