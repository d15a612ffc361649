// Convolutions, pooling and gathering on the wasm engine with their gradients: against tfjs's cpu backend, and
// finite differences.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { Tensor, Tensor1D, Tensor4D, Tensor5D } from "@tensorflow/tfjs-core";
import { loadEngine } from "../../../src/engine/load.js";
import { tf } from "../../../src/engine/tf.js";
import { assertClose, bits, loadKernels, random } from "../../support/kernels.js";

before(async () => {
  await loadKernels();
  await loadEngine("cpu");
  await tf.setBackend("wasm");
});

type Op = (...inputs: Tensor[]) => Tensor;

/** Value and gradients of the op (weighed by a fixed random dy) by all inputs, on both backends. */
async function compare(what: string, op: Op, inputs: () => Tensor[], tolerance = 1e-5): Promise<void> {
  const all = () => {
    const values = inputs();
    const y = op(...values);
    const dy = random(y.shape, 99);
    return [y, ...tf.grads((...args: Tensor[]) => tf.mul(op(...args), dy))(values)];
  };
  const own = all();
  const again = all();
  await tf.setBackend("cpu");
  try {
    const expected = all();
    own.forEach((tensor, i) => {
      assertClose(tensor, expected[i], tolerance, `${what}, ${i === 0 ? "value" : `gradient ${i}`}`);
    });
  } finally {
    await tf.setBackend("wasm");
  }
  own.forEach((tensor, i) => {
    assert.deepEqual(bits(tensor), bits(again[i]), `${what}: other bits the second time`);
  });
}

/** Batch, height, width, channels; filter height and width; filters. */
const IMAGES: readonly (readonly [number, number, number, number, number, number, number])[] = [
  [1, 1, 1, 1, 1, 1, 1],
  [2, 5, 4, 1, 3, 3, 2],
  [3, 7, 6, 3, 3, 2, 5],
  [2, 9, 9, 4, 5, 5, 16],
  [5, 6, 7, 5, 1, 1, 7],
  [4, 13, 13, 16, 3, 3, 32],
  [33, 28, 28, 1, 3, 3, 16],
];

describe("convolutions", () => {
  for (const pad of ["same", "valid"] as const) {
    for (const strides of [1, 2, [2, 1] as [number, number]]) {
      test(`conv2d, ${pad}, strides ${strides}`, async () => {
        for (const [b, h, w, c, fh, fw, n] of IMAGES) {
          if (b === 33 && (pad !== "valid" || strides !== 1)) continue;
          await compare(
            `${b}x${h}x${w}x${c} by ${fh}x${fw}x${n}`,
            (x, filter) => tf.conv2d(x as Tensor4D, filter as Tensor4D, strides, pad),
            () => [random([b, h, w, c], 1), random([fh, fw, c, n], 2)],
          );
        }
      });

      test(`depthwiseConv2d, ${pad}, strides ${strides}`, async () => {
        for (const [b, h, w, c, fh, fw, n] of IMAGES.slice(0, 5)) {
          await compare(
            `${b}x${h}x${w}x${c} by ${fh}x${fw}, multiplier ${n % 3 || 1}`,
            (x, filter) => tf.depthwiseConv2d(x as Tensor4D, filter as Tensor4D, strides, pad),
            () => [random([b, h, w, c], 1), random([fh, fw, c, n % 3 || 1], 2)],
          );
        }
      });
    }
  }

  test("explicit padding, conv1d, transposed and separable convolutions", async () => {
    const pad: [[number, number], [number, number], [number, number], [number, number]] = [
      [0, 0],
      [2, 1],
      [0, 3],
      [0, 0],
    ];
    await compare(
      "explicit padding",
      (x, filter) => tf.conv2d(x as Tensor4D, filter as Tensor4D, 1, pad),
      () => [random([2, 5, 6, 3]), random([3, 3, 3, 4], 2)],
    );
    await compare(
      "conv1d",
      (x, filter) => tf.conv1d(x as tf.Tensor3D, filter as tf.Tensor3D, 1, "same"),
      () => [random([2, 11, 3]), random([3, 3, 4], 2)],
    );
    await compare(
      "conv2dTranspose",
      (x, filter) => tf.conv2dTranspose(x as Tensor4D, filter as Tensor4D, [2, 8, 8, 3], 2, "same"),
      () => [random([2, 4, 4, 5]), random([3, 3, 3, 5], 2)],
    );
    await compare(
      "separableConv2d",
      (x, depth, point) => tf.separableConv2d(x as Tensor4D, depth as Tensor4D, point as Tensor4D, 1, "same"),
      () => [random([2, 6, 6, 4]), random([3, 3, 4, 2], 2), random([1, 1, 8, 5], 3)],
    );
  });

  test("conv3d", async () => {
    for (const [strides, pad] of [
      [1, "same"],
      [2, "valid"],
      [[1, 2, 1], "same"],
    ] as [number | [number, number, number], "same" | "valid"][]) {
      await compare(
        `conv3d ${strides} ${pad}`,
        (x, filter) => tf.conv3d(x as Tensor5D, filter as Tensor5D, strides, pad),
        () => [random([2, 4, 5, 6, 3]), random([2, 3, 3, 3, 4], 2)],
      );
    }
  });

  test("images with the channels first are refused by name", () => {
    const gradient = () =>
      tf.grad((filter) =>
        tf.conv2d(random([1, 2, 5, 5]) as Tensor4D, filter as Tensor4D, 1, "valid", "NCHW"),
      )(random([3, 3, 2, 1]));
    assert.throws(gradient, /NCHW|channelsLast/);
  });

  test("layers with every activation, bias or none, dilation: outputs and gradients", async () => {
    const makeLayer = (options: object) => () => {
      const layer = tf.layers.conv2d({
        filters: 6,
        kernelSize: 3,
        kernelInitializer: tf.initializers.randomUniform({ seed: 1, minval: -1, maxval: 1 }),
        biasInitializer: tf.initializers.randomUniform({ seed: 2, minval: -1, maxval: 1 }),
        ...options,
      });
      layer.build([null, 9, 8, 3]);
      const run = () => layer.apply(random([2, 9, 8, 3])) as Tensor;
      const dy = random(run().shape, 5);
      const variables = layer.trainableWeights.map((w) => (w as unknown as { val: tf.Variable }).val);
      const { grads } = tf.variableGrads(() => tf.sum(tf.mul(run(), dy)), variables);
      return [run(), ...variables.map(({ name }) => grads[name])];
    };
    for (const options of [
      { activation: "relu" },
      { activation: "linear", padding: "same" },
      { activation: "tanh" },
      { activation: "relu", useBias: false, strides: 2 },
    ]) {
      const run = makeLayer(options);
      const own = run();
      await tf.setBackend("cpu");
      const expected = run();
      own.forEach((tensor, i) => {
        assertClose(tensor, expected[i], 1e-5, `${JSON.stringify(options)} ${i}`);
      });
      await tf.setBackend("wasm");
    }
  });
});

describe("gradients are what finite differences say", () => {
  const check = (what: string, op: Op, inputs: Tensor[]) => {
    const dy = random(op(...inputs).shape, 7);
    const value = (args: Tensor[]) => tf.sum(tf.mul(op(...args), dy)).dataSync()[0];
    const grads = tf.grads((...args: Tensor[]) => tf.sum(tf.mul(op(...args), dy)))(inputs);
    const step = 2 ** -6;
    inputs.forEach((input, i) => {
      const values = input.dataSync();
      const grad = grads[i].dataSync();
      for (let at = 0; at < values.length; at += Math.max(1, Math.floor(values.length / 40))) {
        const moved = (by: number) =>
          tf.tidy(() => {
            const data = values.slice();
            data[at] += by;
            return value(inputs.map((other, j) => (i === j ? tf.tensor(data, other.shape) : other)));
          });
        const slope = (moved(step) - moved(-step)) / (2 * step);
        assert.ok(
          Math.abs(slope - grad[at]) < 2e-3,
          `${what} ${i}[${at}]: ${grad[at]}, differences ${slope}`,
        );
      }
    });
  };

  test("conv2d, depthwiseConv2d, conv3d", () => {
    check("conv2d", (x, f) => tf.conv2d(x as Tensor4D, f as Tensor4D, 2, "same"), [
      random([2, 5, 6, 3]),
      random([3, 3, 3, 4], 2),
    ]);
    check("depthwise", (x, f) => tf.depthwiseConv2d(x as Tensor4D, f as Tensor4D, 1, "same"), [
      random([2, 5, 6, 4]),
      random([3, 3, 4, 1], 2),
    ]);
    check("conv3d", (x, f) => tf.conv3d(x as Tensor5D, f as Tensor5D, 1, "same"), [
      random([1, 3, 4, 4, 2]),
      random([2, 3, 3, 2, 3], 2),
    ]);
  });

  test("a dilated convolution layer, which tfjs itself cannot differentiate", () => {
    const layer = tf.layers.conv2d({ filters: 3, kernelSize: 3, dilationRate: 2, useBias: false });
    layer.build([null, 7, 8, 2]);
    check("dilated", (x) => layer.apply(x) as Tensor, [random([2, 7, 8, 2])]);
    const kernel = (layer.trainableWeights[0] as unknown as { val: tf.Variable }).val;
    const filter = kernel.dataSync().slice();
    const x = random([2, 7, 8, 2]);
    const dy = random((layer.apply(x) as Tensor).shape, 7);
    const loss = () => tf.sum(tf.mul(layer.apply(x) as Tensor, dy)) as tf.Scalar;
    const grad = tf.variableGrads(loss, [kernel]).grads[kernel.name].dataSync();
    for (let at = 0; at < filter.length; at += 5) {
      const moved = (by: number) => {
        const data = filter.slice();
        data[at] += by;
        kernel.assign(tf.tensor(data, kernel.shape));
        return loss().dataSync()[0];
      };
      const slope = (moved(2 ** -6) - moved(-(2 ** -6))) / 2 ** -5;
      assert.ok(Math.abs(slope - grad[at]) < 2e-3, `filter[${at}]: ${grad[at]}, differences ${slope}`);
    }
  });
});

describe("pooling and gathering", () => {
  test("maxPool: any window, positive or not", async () => {
    for (const [size, strides, pad] of [
      [2, 2, "valid"],
      [3, 2, "same"],
      [3, 1, "valid"],
      [[2, 3], [3, 1], "same"],
    ] as const) {
      for (const channels of [1, 3, 4, 10]) {
        for (const shift of [0, -5]) {
          await compare(
            `maxPool ${size} ${strides} ${pad} of ${channels}`,
            (x) => tf.maxPool(x as Tensor4D, size as [number, number], strides as [number, number], pad),
            () => [tf.add(random([2, 7, 9, channels]), shift)],
          );
        }
      }
    }
  });

  test("of equal elements the first gets the gradient", () => {
    const grad = tf.grad((x) => tf.sum(tf.maxPool(x as Tensor4D, 2, 2, "valid")))(tf.zeros([1, 2, 2, 1]));
    assert.deepEqual([...grad.dataSync()], [1, 0, 0, 0]);
  });

  test("gather's gradient adds up the rows that were taken more than once", async () => {
    await compare(
      "gather",
      (x) => tf.gather(x, tf.tensor1d([3, 0, 3, 1, 3], "int32")),
      () => [random([5, 4])],
    );
    await compare(
      "gather along axis 1",
      (x) => tf.gather(x, tf.tensor1d([1, 1, 0], "int32"), 1),
      () => [random([2, 3, 4])],
    );
    const sums = tf.unsortedSegmentSum(
      tf.tensor1d([1, 2, 4, 8], "int32"),
      tf.tensor1d([1, -1, 1, 7], "int32") as Tensor1D,
      3,
    );
    assert.deepEqual([...sums.dataSync()], [0, 5, 0]);
    assert.equal(sums.dtype, "int32");
  });

  test("a segment that is just beyond the last one, or any other, changes no memory but the sums'", () => {
    for (const id of [3, 4, 1000, 2 ** 31 - 1, -1, -(2 ** 31)]) {
      const ids = tf.tensor1d([id, 0], "int32") as Tensor1D;
      const x = random([2, 4], 1);
      // Before and after the sums: what the allocator gives next to them.
      const neighbours = () => Array.from({ length: 8 }, () => tf.fill([3, 4], 7));
      const around = neighbours();
      const sums = tf.unsortedSegmentSum(x, ids, 3);
      around.push(...neighbours());
      tf.unsortedSegmentSum(x, ids, 3);
      assert.deepEqual([...sums.dataSync()], [...x.dataSync().slice(4), ...new Array(8).fill(0)], `id ${id}`);
      for (const tensor of around)
        assert.deepEqual([...tensor.dataSync()], new Array(12).fill(7), `id ${id}`);
    }
  });
});

test("a small CNN trains, leaves nothing behind, and gives the same bits every time", () => {
  const run = () => {
    const init = (seed: number) => tf.initializers.randomUniform({ minval: -0.3, maxval: 0.3, seed });
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({
          inputShape: [12, 12, 1],
          filters: 4,
          kernelSize: 3,
          activation: "relu",
          kernelInitializer: init(1),
        }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.conv2d({ filters: 8, kernelSize: 3, activation: "relu", kernelInitializer: init(2) }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 3, kernelInitializer: init(3) }),
      ],
    });
    const optimizer = tf.train.sgd(0.5);
    const [x, y] = [random([8, 12, 12, 1]), tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 2, 0, 1], "int32"), 3)];
    const losses: number[] = [];
    const memory: string[] = [];
    for (let i = 0; i < 30; i++) {
      tf.tidy(() => {
        const loss = () => tf.losses.softmaxCrossEntropy(y, model.apply(x) as Tensor) as tf.Scalar;
        losses.push((optimizer.minimize(loss, true) as tf.Scalar).dataSync()[0]);
      });
      memory.push(`${tf.memory().numTensors} ${tf.memory().numBytes}`);
    }
    assert.equal(new Set(memory).size, 1);
    return losses;
  };
  const losses = run();
  assert.ok(losses[29] < losses[0] / 2, `loss ${losses[0]} went to ${losses[29]}`);
  assert.deepEqual(run(), losses);
});
