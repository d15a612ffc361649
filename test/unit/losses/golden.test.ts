// Losses and their gradients equal torch's, as test/fixtures/losses-torch.json holds them (computed in float64), and
// formulas written out here in float64 with their finite differences, on both engines that need no other package.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import type { Tensor } from "@tensorflow/tfjs-core";
import { loadEngine } from "../../../src/engine/load.js";
import {
  binaryCrossEntropy,
  crossEntropy,
  huber,
  type Loss,
  meanAbsoluteError,
  meanSquaredError,
  tf,
} from "../../../src/index.js";
import { numbers } from "../../support/kernels.js";

interface Case {
  readonly loss: string;
  readonly options: Record<string, never>;
  readonly shape: number[];
  readonly outputs: number[];
  readonly targets: number[];
  readonly target_shape: number[];
  readonly target_type: "int32" | "float32";
  readonly value: number;
  readonly gradient: readonly number[];
}

const make: Readonly<Record<string, (options: Record<string, never>) => Loss>> = {
  crossEntropy,
  binaryCrossEntropy,
  meanSquaredError,
  meanAbsoluteError,
  huber,
};
const fixture = new URL("../../fixtures/losses-torch.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(fixture, "utf8")) as { readonly cases: readonly Case[] };

/** A batch in float64, the targets as rows where they are classes. */
interface Sample {
  readonly outputs: readonly number[];
  readonly targets: readonly number[];
  readonly weights: readonly number[];
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;

/** Weighted and smoothed cross entropy of four classes, from its definition. */
function classes(smoothing: number, classWeights: readonly number[]) {
  return ({ outputs, targets, weights }: Sample) => {
    let [above, below] = [0, 0];
    for (const [row, weight] of weights.entries()) {
      const x = outputs.slice(4 * row, 4 * row + 4);
      const total = sum(x.map(Math.exp));
      for (let i = 0; i < 4; i++) {
        const target = targets[4 * row + i];
        const smooth = target * (1 - smoothing) + smoothing / 4;
        above -= weight * classWeights[i] * smooth * Math.log(Math.exp(x[i]) / total);
        below += weight * classWeights[i] * target;
      }
    }
    return above / below;
  };
}

function labels(probabilityOf: (x: number) => number, posWeight: number, smoothing: number) {
  return ({ outputs, targets }: Sample) =>
    mean(
      outputs.map((x, i) => {
        const target = targets[i] * (1 - smoothing) + smoothing / 2;
        const p = probabilityOf(x);
        return -(posWeight * target * Math.log(p) + (1 - target) * Math.log(1 - p));
      }),
    );
}

const differences =
  (of: (difference: number) => number) =>
  ({ outputs, targets }: Sample) =>
    mean(outputs.map((output, i) => of(output - targets[i])));

const ones = [1, 1, 1, 1];
const formulas: readonly (readonly [
  string,
  Loss,
  (sample: Sample) => number,
  "rows" | "labels" | "numbers",
])[] = [
  ["crossEntropy", crossEntropy(), classes(0, ones), "rows"],
  ["smoothed", crossEntropy({ labelSmoothing: 0.3 }), classes(0.3, ones), "rows"],
  ["class weights", crossEntropy({ classWeights: [1, 0, 3, 0.5] }), classes(0, [1, 0, 3, 0.5]), "rows"],
  [
    "all of it",
    crossEntropy({ labelSmoothing: 0.3, classWeights: [1, 0.25, 3, 0.5], weightKey: "w" }),
    (sample) => classes(0.3, [1, 0.25, 3, 0.5])({ ...sample, weights: sampleWeights }),
    "rows",
  ],
  ["binary of logits", binaryCrossEntropy({ fromLogits: true }), labels(sigmoid, 1, 0), "labels"],
  [
    "binary, weighted and smoothed",
    binaryCrossEntropy({ fromLogits: true, posWeight: 2.5, labelSmoothing: 0.2 }),
    labels(sigmoid, 2.5, 0.2),
    "labels",
  ],
  [
    "binary of probabilities",
    binaryCrossEntropy({ posWeight: 2.5, labelSmoothing: 0.2 }),
    labels((p) => p, 2.5, 0.2),
    "labels",
  ],
  ["meanSquaredError", meanSquaredError(), differences((d) => d * d), "numbers"],
  ["meanAbsoluteError", meanAbsoluteError(), differences(Math.abs), "numbers"],
  [
    "huber",
    huber({ delta: 0.4 }),
    differences((d) => (Math.abs(d) <= 0.4 ? (d * d) / 2 : 0.4 * (Math.abs(d) - 0.2))),
    "numbers",
  ],
];
const sampleWeights = [1, 0, 2.5, 0.5, 3];

function sampleOf(name: string, kind: "rows" | "labels" | "numbers"): Sample {
  const outputs = [...numbers(20, 3)].map((x) =>
    name === "binary of probabilities" ? Math.fround(0.5 + 0.45 * x) : Math.fround(2 * x),
  );
  const targets = [...numbers(20, 8)].map((x, i) => {
    if (kind === "rows") return i % 4 === (3 * (i >> 2)) % 4 ? 1 : 0;
    return kind === "labels" ? Number(x > 0) : x;
  });
  return { outputs, targets, weights: [1, 1, 1, 1, 1] };
}

function evaluate(loss: Loss, outputs: Tensor, targets: Tensor) {
  const batch = { w: tf.tensor1d(sampleWeights) };
  const { value, grad } = tf.valueAndGrad((x) => loss(x, targets, batch))(outputs);
  return { value: value.dataSync()[0], gradient: [...grad.dataSync()] };
}

function near(actual: number, expected: number, what: string): void {
  const tolerance = 1e-6 + 3e-6 * Math.abs(expected);
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} instead of ${expected}`);
}

for (const engine of ["cpu", "wasm"] as const) {
  describe(`on ${engine}`, () => {
    before(() => loadEngine(engine));

    test("losses and gradients equal torch's", () => {
      assert.equal(cases.length, 18);
      for (const [number, item] of cases.entries()) {
        const what = `case ${number}, ${item.loss} ${JSON.stringify(item.options)}`;
        const outputs = tf.tensor(item.outputs, item.shape);
        const targets = tf.tensor(item.targets, item.target_shape, item.target_type);
        const { value, gradient } = evaluate(make[item.loss](item.options), outputs, targets);
        near(value, item.value, what);
        assert.equal(gradient.length, item.gradient.length);
        for (const [i, slope] of gradient.entries()) near(slope, item.gradient[i], `${what}, gradient ${i}`);
      }
    });

    for (const [name, loss, formula, kind] of formulas) {
      test(`${name}: the formula's value and finite differences`, () => {
        const sample = sampleOf(name, kind);
        const shape = kind === "numbers" ? [20] : [5, 4];
        const { value, gradient } = evaluate(
          loss,
          tf.tensor([...sample.outputs], shape),
          tf.tensor([...sample.targets], shape),
        );
        near(value, formula(sample), "value");
        for (const [i, slope] of gradient.entries()) {
          const at = (step: number) =>
            formula({ ...sample, outputs: sample.outputs.map((x, j) => (i === j ? x + step : x)) });
          near(slope, (at(1e-5) - at(-1e-5)) / 2e-5, `gradient ${i}`);
        }
      });
    }

    test("targets may depend on weights too: the gradient flows into both", () => {
      const outputs = tf.tensor1d([0.2, 0.7]);
      for (const loss of [
        meanSquaredError(),
        huber(),
        binaryCrossEntropy(),
        binaryCrossEntropy({ fromLogits: true }),
      ]) {
        const at = (t: Tensor) => loss(outputs, t);
        const [slope] = tf
          .grad(at)(tf.tensor1d([0.4, 0.9]))
          .dataSync();
        const [high, low] = [0.41, 0.39].map((t) => at(tf.tensor1d([t, 0.9])).dataSync()[0]);
        assert.ok(Math.abs(slope - (high - low) / 0.02) < 1e-4, `${slope}`);
      }
    });

    test("indices, columns, one-hot rows: one loss and one gradient", () => {
      const logits = tf.tensor2d(numbers(12, 5), [4, 3]);
      const indices = tf.tensor1d([2, 0, 1, 1], "int32");
      for (const loss of [
        crossEntropy(),
        crossEntropy({ labelSmoothing: 0.1 }),
        crossEntropy({ classWeights: [1, 2, 0.5] }),
        crossEntropy({ weightKey: "weights" }),
      ]) {
        const batch = { weights: tf.tensor2d([[1], [2], [0], [0.5]]) };
        const results = [indices, indices.reshape([4, 1]), tf.oneHot(indices, 3)].map((targets) => {
          const { value, grad } = tf.valueAndGrad((x) => loss(x, targets, batch))(logits);
          return [value.dataSync()[0], ...grad.dataSync()];
        });
        for (const result of results) {
          for (const [i, actual] of result.entries()) near(actual, results[0][i], `${i}`);
        }
      }
    });

    test("a NaN among the outputs is a loss of NaN, never hidden", () => {
      const targets = tf.tensor1d([1, 0]);
      for (const loss of [
        binaryCrossEntropy(),
        binaryCrossEntropy({ fromLogits: true }),
        meanSquaredError(),
        meanAbsoluteError(),
        huber(),
      ]) {
        assert.equal(loss(tf.tensor1d([0.5, Number.NaN]), targets).dataSync()[0], Number.NaN);
      }
      for (const loss of [crossEntropy(), crossEntropy({ labelSmoothing: 0.1 })]) {
        const logits = tf.tensor2d([[0, Number.NaN]]);
        assert.equal(loss(logits, tf.tensor1d([0], "int32")).dataSync()[0], Number.NaN);
      }
    });

    test("nothing is left behind", () => {
      const outputs = tf.tensor2d(numbers(6, 5), [3, 2]);
      const targets = tf.tensor2d([0, 1, 1, 0, 0, 1], [3, 2]);
      const batch = { weights: tf.tensor1d([1, 2, 3]) };
      for (const loss of [
        crossEntropy({ labelSmoothing: 0.1, classWeights: [1, 2], weightKey: "weights" }),
        binaryCrossEntropy({ fromLogits: true, posWeight: [1, 2], labelSmoothing: 0.1 }),
        binaryCrossEntropy(),
        huber(),
      ]) {
        const { numTensors } = tf.memory();
        const { value, grad } = tf.valueAndGrad((x) => tf.tidy(() => loss(x, targets, batch)))(outputs);
        tf.dispose([value, grad]);
        assert.equal(tf.memory().numTensors, numTensors);
      }
    });
  });
}
