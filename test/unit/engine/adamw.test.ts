// AdamW against torch.optim.AdamW: the weights after each of its first steps, from given gradients.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import { UsageError } from "../../../src/core/errors.js";
import { adamW } from "../../../src/engine/adamw.js";
import { applyGradients } from "../../../src/engine/apply-gradients.js";
import { loadEngine } from "../../../src/engine/load.js";
import { loadOptimizer, readOptimizer, readSettings } from "../../../src/engine/optimizer-state.js";
import { tf } from "../../../src/engine/tf.js";
import { parityFile } from "../../support/golden.js";

interface Golden {
  readonly args: { readonly lr: number; readonly weight_decay: number };
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly weights_after_each_step: readonly (readonly number[])[];
}

function parametersAt(values: readonly number[]) {
  return [{ name: "w", trainable: true, variable: tf.variable(tf.tensor1d([...values])) }];
}

function compare({ args, start, gradients, weights_after_each_step }: Golden): void {
  const parameters = parametersAt(start);
  const optimizer = adamW(args.lr, { weightDecay: args.weight_decay });
  gradients.forEach((gradient, step) => {
    applyGradients(optimizer, { parameters, flat: Float32Array.from(gradient) });
    parameters[0].variable.dataSync().forEach((value, i) => {
      const wanted = weights_after_each_step[step][i];
      assert.ok(
        Math.abs(value - wanted) < 2e-6,
        `step ${step + 1}, weight ${i}: ${value}, torch has ${wanted}`,
      );
    });
  });
}

for (const engine of ["wasm", "cpu"] as const) {
  describe(`AdamW on ${engine}`, () => {
    before(() => loadEngine(engine));

    test("steps as torch's", () => {
      const path = new URL("../../fixtures/adamw-torch.json", import.meta.url);
      compare(JSON.parse(readFileSync(path, "utf8")) as Golden);
    });

    const golden = parityFile("adamw.json");
    test("steps as torch's, fifty times", { skip: golden.skip }, () => {
      compare(JSON.parse(readFileSync(golden.path, "utf8")) as Golden);
    });

    test("a restored one goes on bit for bit", async () => {
      const gradient = Float32Array.of(0.3, -0.7);
      const [a, b] = [parametersAt([1, 2]), parametersAt([1, 2])];
      const [first, second] = [adamW(0.1), adamW(0.5)];
      for (let i = 0; i < 3; i++) applyGradients(first, { parameters: a, flat: gradient });
      loadOptimizer(second, await readOptimizer(first, a), readSettings(first), b);
      Object.assign(second, readSettings(first).numbers);
      b[0].variable.assign(a[0].variable);
      for (const [optimizer, parameters] of [[first, a] as const, [second, b] as const]) {
        applyGradients(optimizer, { parameters, flat: gradient });
      }
      assert.deepEqual([...b[0].variable.dataSync()], [...a[0].variable.dataSync()]);
    });
  });
}

test("a decay or rate below zero is refused", () => {
  assert.throws(() => adamW(0.1, { weightDecay: -1 }), UsageError);
  assert.throws(() => adamW(-0.1), UsageError);
});
