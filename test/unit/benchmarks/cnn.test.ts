// `npm run bench -- cnn`: what it reads and prints, what it refuses, and that our kernels and the composed gradient
// train the same net to the same losses.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { KERNEL, registerComposed } from "../../../benchmarks/cnn-composed.js";
import { smallCnn } from "../../../benchmarks/cnn-net.js";
import { type CnnRun, checkKernels, fromSummary, torchArguments } from "../../../benchmarks/cnn-runs.js";
import { advantage, cnnRaceTable, cnnTargetsTable } from "../../../benchmarks/cnn-tables.js";
import type { RunSummary } from "../../../src/core/summary.js";
import { crossEntropyLoss } from "../../../src/engine/cross-entropy.js";
import { tf } from "../../../src/engine/tf.js";
import { root } from "../../support/cli.js";
import { loadKernels, random, withStock } from "../../support/kernels.js";

const run = (msPerStep: number): CnnRun => ({
  msPerStep,
  samplesPerSecond: 32_000 / msPerStep,
  loss: 0.25,
  accuracy: 0.925,
});
const job = { batchSize: 32, steps: 100, data: "" };

test("tables compare run by run, and the target is judged by the median", () => {
  const runs = {
    ours: [run(4), run(10), run(5)],
    composed: [run(40), run(40), run(30)],
    torch: [run(4), run(5), run(5)],
  };
  assert.deepEqual(advantage(runs, "composed"), [10, 4, 6]);
  const lines = cnnRaceTable(runs, "1.13").split("\n");
  const cells = (title: string) =>
    lines
      .find((line) => line.startsWith(`| ${title}`))
      ?.split("|")
      .slice(2, -1)
      .map((text) => text.trim());
  assert.deepEqual(cells("ms a step"), [
    "5.00 (4.00 to 10.0)",
    "40.0 (30.0 to 40.0)",
    "6.00x (4.00 to 10.0)",
    "5.00 (4.00 to 5.00)",
    "1.00x (0.500 to 1.00)",
  ]);
  assert.equal(cells("validation accuracy")?.[0], "92.5% (92.5 to 92.5)");
  assert.match(cnnTargetsTable(runs), /at least 5x \| 6\.00x \(4\.00 to 10\.0\) \| yes/);
  assert.match(cnnTargetsTable({ ...runs, composed: [run(10), run(10), run(10)] }), /\| +no \|$/);
});

test("without torch its columns are left out", () => {
  const table = cnnRaceTable({ ours: [run(4)], composed: [run(40)] }, null);
  assert.doesNotMatch(table, /torch/);
  assert.equal(advantage({ ours: [run(4)] }, "torch"), null);
});

test("a run's speed is that of its second epoch", () => {
  const epoch = (seconds: number) => ({
    epoch: 1,
    seconds: 9,
    train: { seconds, samples: 3200, samples_per_second: 3200 / seconds, metrics: { loss: 1 } },
    valid: { seconds: 1, samples: 10, samples_per_second: 10, metrics: { loss: 0.5, accuracy01: 0.8 } },
  });
  const summary = { stages: [{ stage: "cnn", epochs: [epoch(7), epoch(2)] }] };
  assert.deepEqual(fromSummary(summary as unknown as RunSummary, job), {
    msPerStep: 20,
    samplesPerSecond: 1600,
    loss: 0.5,
    accuracy: 0.8,
  });
  assert.deepEqual(torchArguments(job), ["--batch", "32", "--steps", "100", "--epochs", "2"]);
});

test("a run with other kernels than asked for does not count", () => {
  const line = (kernels: string) => `1 worker on wasm (tfjs 4.22.0, ${kernels}, one core per worker)\n`;
  checkKernels(line("own kernels"), false);
  checkKernels(line("stock kernels"), true);
  assert.throws(() => checkKernels(line("stock kernels: none were built"), false), /to have own kernels/);
  assert.throws(() => checkKernels(line("own kernels"), true), /to have stock kernels/);
});

test("bad options end with one line and 2", () => {
  for (const [options, says] of [
    [["--rounds", "0"], /--rounds.*whole number/],
    [["--batch-size", "x"], /--batch-size.*whole number/],
    [["--steps", "1876"], /--steps can be 1875 at most/],
    [["--batch-size", "60001"], /--batch-size can be 60000 at most/],
    [["--data-dir", "no-such-folder"], /no folder with MNIST|no-such-folder/],
    [["--data"], /unknown option/],
  ] as [string[], RegExp][]) {
    const args = ["--import", "tsx", join(root, "benchmarks/bench.ts"), "cnn"];
    const places = ["--no-peers", "--no-write", "--data-dir", root];
    const { status, stderr, stdout } = spawnSync(process.execPath, [...args, ...places, ...options], {
      cwd: root,
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(status, 2, stderr);
    assert.match(stderr.split("\n")[0], says);
    assert.equal(stdout, "");
  }
});

test("our kernels and the composed gradient reach the same losses", async () => {
  await loadKernels();
  const own = losses();
  const ours = tf.getKernel(KERNEL, "wasm");
  assert.ok(ours);
  registerComposed();
  try {
    const composed = withStock(losses);
    own.forEach((loss, i) => {
      assert.ok(Math.abs(loss - composed[i]) < 1e-4 * loss, `step ${i}: ${loss} and ${composed[i]}`);
    });
  } finally {
    tf.unregisterKernel(KERNEL, "wasm");
    tf.registerKernel(ours);
  }
  assert.ok(own[5] < 0.9 * own[0], `nothing was learned: ${own}`);
});

/** Of six steps on the same eight images. */
function losses(): number[] {
  const model = smallCnn(1);
  const optimizer = tf.train.adam(0.01);
  const x = tf.relu(random([8, 28, 28], 5));
  const y = tf.tensor1d([0, 1, 2, 3, 4, 5, 6, 7], "int32");
  return Array.from({ length: 6 }, () =>
    tf.tidy(() => {
      const loss = () => crossEntropyLoss(model.apply(x) as tf.Tensor, y);
      return (optimizer.minimize(loss, true) as tf.Scalar).dataSync()[0];
    }),
  );
}
