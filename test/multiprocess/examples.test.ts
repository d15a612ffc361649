// The recipes in examples/ train, run as the README says: by the built command, on two workers.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { LoaderSummary, RunSummary } from "../../src/core/summary.js";
import { writeBars } from "../support/bars.js";
import { ddpTrain, readSummary, root } from "../support/cli.js";

const work = mkdtempSync(join(tmpdir(), "ddp-examples-"));
after(() => rmSync(work, { recursive: true, force: true }));

const args = ["--recipe", join(root, "examples/regression.ts"), "--workers", "2"];

test("examples/regression.ts learns the curve in two stages", async () => {
  const logdir = join(work, "first");
  const { code, stdout, stderr } = await ddpTrain([...args, "--logdir", logdir]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /valid \(5\/5\) loss: /);
  const { recipe, world_size, stages, best } = readSummary(logdir);
  assert.equal(recipe, "regression");
  assert.equal(world_size, 2);
  assert.deepEqual(
    stages.map(({ stage, epochs }) => [stage, epochs.length]),
    [
      ["coarse", 5],
      ["fine", 5],
    ],
  );
  const valid = stages.flatMap(({ epochs }) => epochs.map((epoch) => epoch.valid as LoaderSummary));
  // Each of the 1001 points once, although two ranks share them. The curve's own variance is about 0.5.
  assert.ok(valid.every(({ samples }) => samples === 1001));
  assert.ok(valid[9].metrics.loss < 0.005, `valid loss ${valid[9].metrics.loss}`);
  // The second stage goes on from the best of the first; from new weights it would start near 0.1.
  assert.ok(
    valid[5].metrics.loss < 2 * valid[4].metrics.loss,
    `${valid[4].metrics.loss} before the second stage, ${valid[5].metrics.loss} in it`,
  );
  assert.equal(best?.stage, "fine");
  assert.match(readFileSync(join(logdir, "valid.csv"), "utf8"), /^step,loss\n1,/);
});

test("the same command gives the same weights", async () => {
  const hashes = [];
  for (const name of ["a", "b"]) {
    const logdir = join(work, name);
    const { code, stderr } = await ddpTrain([
      ...args,
      "--stages",
      "coarse",
      "--epochs",
      "1",
      "--logdir",
      logdir,
      "--quiet",
    ]);
    assert.equal(code, 0, stderr);
    hashes.push(readSummary(logdir).weights_sha256);
  }
  assert.equal(hashes[0], hashes[1]);
});

describe("examples/one-device.ts, which uses its first stage's model again", () => {
  const data = join(work, "bars");
  before(() => writeBars(data, 600, 100));
  const run = async (recipe: string, workers: number, name: string) => {
    const logdir = join(work, name);
    const places = ["--dataset", "mnist", "--data-dir", data, "--logdir", logdir];
    const { code, stderr } = await ddpTrain(["--recipe", recipe, "--workers", String(workers), ...places]);
    assert.equal(code, 0, stderr);
    return readSummary(logdir);
  };
  const example = join(root, "examples/one-device.ts");

  test("with one worker it has the numbers of a recipe that rebuilds its model and loads the last checkpoint", async () => {
    const rebuilt = join(work, "rebuilt.ts");
    writeFileSync(
      rebuilt,
      `import OneDevice from ${JSON.stringify(example)};
       import { CheckpointCallback } from "ddp-train";
       export default class Rebuilt extends OneDevice {
         getModel(stage: string) {
           (this as { model: unknown }).model = undefined;
           return super.getModel(stage);
         }
         getCallbacks() {
           const best = { loaderKey: "valid", metricKey: "loss", minimize: true, loadOnStageStart: "last" };
           return { ...super.getCallbacks(), checkpoint: new CheckpointCallback(this.config.logdir, best) };
         }
       }`,
    );
    const [kept, built] = [await run(example, 1, "kept"), await run(rebuilt, 1, "built")];
    assert.equal(kept.weights_sha256, built.weights_sha256);
    const metrics = ({ stages }: RunSummary) =>
      stages.map(({ epochs }) => epochs.map(({ valid }) => (valid as LoaderSummary).metrics));
    assert.deepEqual(metrics(kept), metrics(built));
  });

  test("with two workers it learns, and validates each sample once", async () => {
    const { stages } = await run(example, 2, "two");
    const valid = stages[1].epochs[2].valid as LoaderSummary;
    assert.equal(valid.samples, 100);
    assert.ok(valid.metrics.accuracy01 > 0.9, `accuracy ${valid.metrics.accuracy01}`);
  });
});
