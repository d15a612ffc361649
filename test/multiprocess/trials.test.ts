// Recipes as users write them (test/trials), each modelled on a public report against a trainer of this kind, with the
// number or the line that is right.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { LoaderSummary, RunSummary } from "../../src/core/summary.js";
import { ddpTrain, type Finished, readSummary, root } from "../support/cli.js";

const work = mkdtempSync(join(tmpdir(), "ddp-trials-"));
after(() => rmSync(work, { recursive: true, force: true }));
let runs = 0;
// Most of a run is its start, which leaves half of two cores idle.

interface Trial extends Finished {
  readonly logdir: string;
  /** What the recipe has noted, a line each. */
  readonly notes: readonly Record<string, unknown>[];
  /** @throws when the run left none. */
  readonly summary: RunSummary;
}

/** Runs a recipe of test/trials on two workers, unless told otherwise. */
async function trial(
  recipe: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Trial> {
  const name = String(runs++);
  const [logdir, notes] = [join(work, name), join(work, `${name}.notes`)];
  writeFileSync(notes, "");
  const place = args.includes("--resume") ? [] : ["--logdir", logdir];
  const workers = args.includes("--workers") ? [] : ["--workers", "2"];
  const what = [
    "--recipe",
    join(root, "test/trials", recipe),
    "--no-progress",
    ...workers,
    ...place,
    ...args,
  ];
  const finished = await ddpTrain(what, { NOTES: notes, ...env }, 60);
  return {
    ...finished,
    logdir,
    notes: readFileSync(notes, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>),
    get summary() {
      return readSummary(args.includes("--resume") ? args[args.indexOf("--resume") + 1] : logdir);
    },
  };
}

/** A run that completed. */
async function completed(...given: Parameters<typeof trial>): Promise<Trial> {
  const run = await trial(...given);
  assert.equal(run.code, 0, run.stderr);
  return run;
}

/** A run that was refused with one line that matches. */
async function refused(message: RegExp, ...given: Parameters<typeof trial>): Promise<void> {
  const { code, stderr } = await trial(...given);
  const lines = stderr.trim().split("\n");
  assert.match(lines.at(-1) as string, message);
  assert.deepEqual([code, lines.length], [2, 1], stderr);
}

function loader({ stages }: RunSummary, key: string, stage = 0, epoch = 0): LoaderSummary {
  return stages[stage].epochs[epoch][key] as LoaderSummary;
}

const near = (value: number, wanted: number, tolerance = 1e-4) =>
  assert.ok(Math.abs(value - wanted) < tolerance, `${value}, not ${wanted}`);

describe("what a stage takes over", { concurrency: 2 }, () => {
  test("unfreezing with last_full: state by weight, new weights begin at zero", async () => {
    await completed("unfreeze-last-full.ts", ["--epochs", "2"]);
    const args = ["--batch-size", "4"];
    const { notes } = await completed("unfreeze-equal-units.mjs", args, { OPT: "momentum" });
    const slots = notes.filter(({ stage }) => stage === "all").map(({ opt }) => Object.keys(opt as object));
    assert.deepEqual(slots, [["iter", "d/kernel/momentum", "d/bias/momentum"]]);
    await completed("unfreeze-equal-units.mjs", args, { OPT: "adam" });
    await refused(/state is of Adam, the stage's optimizer is SGD/, "unfreeze-equal-units.mjs", args, {
      OPT: "other",
    });
  });

  test("Adamax saves", () => completed("adamax.ts", ["--epochs", "1"]).then(() => {}));

  test("an unnamed model within a model finds its weights in the second stage", async () => {
    await completed("nested-unnamed.ts", ["--epochs", "1"]);
  });

  test("a frozen batch normalisation keeps its averages", async () => {
    const { notes } = await completed("frozen-batchnorm.mjs");
    for (const { stage, w } of notes.filter(({ w }) => w !== undefined)) {
      const weights = Object.fromEntries(w as [string, number[]][]);
      const moved = String(weights["bn/moving_mean"]) !== "0,0";
      assert.equal(moved, stage === "all");
    }
  });

  test("setRequiresGrad in a callback takes effect from the next batch", async () => {
    const { notes } = await completed("unfreeze-in-callback.mjs");
    const enc = notes.filter(({ epoch }) => epoch !== undefined).map(({ enc }) => String(enc));
    assert.equal(enc[0], "1,1");
    assert.equal(new Set(enc).size, 3);
  });
});

describe("a resumed run", { concurrency: 2 }, () => {
  test("has the scheduler's rates, and the bits of the whole run", async () => {
    const whole = await completed("step-lr.mjs");
    const killed = await trial("step-lr.mjs", [], { DIE: "3" });
    assert.equal(killed.code, 1, killed.stderr);
    const resumed = await completed("step-lr.mjs", ["--resume", killed.logdir]);
    const rates = (run: Trial) =>
      run.notes.filter(({ rank, lr }) => rank === 0 && lr !== undefined).map(({ lr }) => lr);
    assert.deepEqual(rates(whole), [0.1, 0.05, 0.025, 0.0125]);
    assert.deepEqual(rates(resumed), [0.025, 0.0125]);
    assert.equal(resumed.summary.weights_sha256, whole.summary.weights_sha256);
  });

  test("is refused when the data has another length, with both", async () => {
    const args = ["--batch-size", "4", "--checkpoint-every", "2"];
    const killed = await trial("data-changed.mjs", args, { N: "80", DIE: "1" });
    assert.equal(killed.code, 1, killed.stderr);
    await refused(
      /loader "train" of stage "one" has 24 samples, but the run was trained on 80: .*--allow-changed-data/,
      "data-changed.mjs",
      ["--resume", killed.logdir],
      { N: "24" },
    );
  });

  test("with accumulated batches has the bits of the whole run", async () => {
    const args = ["--batch-size", "4", "--checkpoint-every", "1"];
    const whole = await completed("accumulate.mjs", args);
    const killed = await trial("accumulate.mjs", args, { DIE: "7" });
    assert.equal(killed.code, 1, killed.stderr);
    const resumed = await completed("accumulate.mjs", ["--resume", killed.logdir]);
    assert.equal(resumed.summary.weights_sha256, whole.summary.weights_sha256);
  });
});

describe("numbers", { concurrency: 2 }, () => {
  test("the rate that is printed is the one that is used", async () => {
    const { summary, notes } = await completed("sgd-rate-field.mjs");
    assert.equal(loader(summary, "train", 0, 1).metrics.lr, 0);
    const [before, after] = notes.filter(({ w }) => w !== undefined).map(({ w }) => String(w));
    assert.equal(after, before);
  });

  test("a gradient that is not finite is a bad batch: stopped or left out, and the checkpoint stays good", async () => {
    const args = ["--batch-size", "2"];
    const { code, stderr, summary } = await trial("gradient-nan.mjs", args, { AT: "7" });
    assert.equal(code, 1);
    assert.match(stderr, /the gradient of rank 0 is not finite in stage "one", epoch 1, train batch 8/);
    assert.equal(summary.status, "failed");
    const every = await trial("gradient-nan.mjs", [...args, "--checkpoint-every", "1"], { AT: "1" });
    assert.equal(every.code, 1);
    await completed("gradient-nan.mjs", ["--resume", every.logdir], { AT: "1000" });
    const skipped = await completed("gradient-nan.mjs", [...args, "--on-nan", "skip"], { AT: "1" });
    assert.equal(loader(skipped.summary, "train").batches_left_out, 1);
    assert.match(skipped.stderr, /1 batch of train left out in epoch 1/);
    near(loader(skipped.summary, "valid", 0, 1).metrics.loss, 1.5, 2);
  });

  test("a target that is NaN: the mean is over the kept batches", async () => {
    const { summary, stderr } = await completed("target-nan.mjs", ["--on-nan", "skip", "--batch-size", "2"]);
    const train = loader(summary, "train");
    assert.ok(Number.isFinite(train.metrics.loss), String(train.metrics.loss));
    assert.equal(train.batches_left_out, 1);
    assert.match(stderr, /1 batch of train left out in epoch 1/);
  });

  test("a penalty is in the loss", async () => {
    const loss = async (L2: string) =>
      loader((await completed("regulariser.ts", ["--epochs", "1"], { L2 })).summary, "train").metrics.loss;
    assert.ok((await loss("1")) > (await loss("")) + 0.5);
  });

  test("targets in a column are what they are: ln 3", async () => {
    const { summary } = await completed("labels-column.mjs");
    near(loader(summary, "valid").metrics.loss, Math.log(3));
  });
});

describe("what is random", { concurrency: 2 }, () => {
  test("initialisers without a seed repeat with the run's", async () => {
    const hash = async (seed: string) =>
      (await completed("initializer-seed.mjs", ["--seed", seed])).summary.weights_sha256;
    const first = await hash("7");
    assert.equal(await hash("7"), first);
    assert.notEqual(await hash("8"), first);
  });

  for (const SEEDED of ["", "1"]) {
    test(`dropout ${SEEDED ? "with" : "without"} a seed differs by batch and rank, and repeats`, async () => {
      const masks = async () =>
        (await completed("dropout-masks.mjs", ["--batch-size", "4"], { SEEDED })).notes
          .filter(({ mask }) => mask !== undefined)
          .map(({ rank, mask }) => `${rank} ${mask}`);
      const first = await masks();
      assert.ok(new Set(first.map((each) => each.split(" ")[1])).size > 1, String(first));
      assert.deepEqual((await masks()).sort(), first.sort());
    });
  }
});

describe("labels", { concurrency: 2 }, () => {
  for (const recipe of ["labels.mjs", "labels-loss-only.mjs"]) {
    const args = ["--batch-size", "4"];
    test(`${recipe}: out of range, negative, or no integers are refused with loader, batch, key and value`, async () => {
      const batch = (what: string) => new RegExp(`^ddp-train: train batch \\d of stage "one" .*"y".*${what}`);
      await refused(batch("target 3 is outside the 3 classes"), recipe, args, { LABELS: "oor" });
      await refused(batch("target -1 is outside the 3 classes"), recipe, args, { LABELS: "neg" });
      await refused(batch("got float32"), recipe, args, { LABELS: "float" });
    });
    test(`${recipe}: one-hot rows and columns are the same labels`, async () => {
      const loss = async (LABELS: string) =>
        loader((await completed(recipe, args, { LABELS })).summary, "train", 0, 1).metrics.loss;
      const plain = await loss("ok");
      near(await loss("onehot"), plain);
      near(await loss("col"), plain);
    });
  }
});

describe("mistakes are told in one line", { concurrency: 2 }, () => {
  test("no sampler", () => refused(/loader "train" of stage "one" has no sampler/, "no-sampler.mjs"));

  test("a scheduler that watches a metric which is not there", () =>
    refused(/SchedulerCallback watches "los" of "valid", which has: loss/, "early-stop.mjs", [], {
      MODE: "typo",
    }));

  test("a recipe that throws or does not parse: file and line", async () => {
    await refused(
      /does not load: .*reading 'batch'.* \(at \S+throws-at-import\.mjs:\d+:\d+\)/,
      "throws-at-import.mjs",
    );
    writeFileSync(join(work, "syntax-error.mjs"), 'export default class {\n  stages = ["a"\n}\n');
    const { code, stderr } = await ddpTrain([
      "--recipe",
      join(work, "syntax-error.mjs"),
      "--logdir",
      join(work, "s"),
    ]);
    assert.equal(code, 2);
    assert.match(stderr, /does not load: \S+syntax-error\.mjs:3:1: Expected "\]" but found "\}"\n$/);
  });

  test("an early stop is told, with why", async () => {
    const { stdout } = await completed("early-stop.mjs");
    assert.match(
      stdout,
      /stage one ends after epoch 4: loss of valid has not improved for 2 epochs \(best 2\.000\)/,
    );
  });

  for (const [BAD, message] of [
    [
      "collateUndefined",
      /loader "train" of stage "one" gave undefined as batch 1; a dataset's collate returns tensors/,
    ],
    ["noTrain", /getLoaders\("one"\) gave valid, none of which trains/],
    ["arrayCallback", /getCallbacks\("one"\) returned .*each with an order/],
    ["wrongShape", /"fit" has 3 rows and "y" 4: both begin with the batch/],
    ["missingKey", /CriterionCallback wants "fit" in the batch, but handleBatch put there: x, y/],
    ["returnOnly", /CriterionCallback wants "fit" in the batch, but handleBatch put there: none/],
    ["vectorLoss", /the criterion returned a tensor of shape \[4,1\]; it must return a scalar/],
    ["constLoss", /the loss does not depend on any weight that trains/],
    ["throwImport", /does not load: config file not found \(at \S+mistakes\.mjs:\d+:\d+\)/],
  ] as const) {
    test(`${BAD}`, () => refused(message, "mistakes.mjs", ["--batch-size", "4", "--quiet"], { BAD }));
  }

  for (const BAD of [
    "asyncCollate",
    "asyncLoaders",
    "asyncHandle",
    "asyncHandleSync",
    "nanValid",
    "ties",
    "print",
  ]) {
    test(`${BAD} is no mistake`, () =>
      completed("mistakes.mjs", ["--batch-size", "4"], { BAD }).then(() => {}));
  }

  for (const [BAD, message] of [
    ["validThrow1", /rank 1 .* failed in stage one, epoch 1, valid batch 1: Error: bad image 17/],
    ["throwNull", /rank 1 .* failed in stage one, epoch 1, train batch 1: Error: null/],
    ["reject1", /rank 1 .*: Error: nobody awaits me/],
    ["exit0", /rank 1 .* ended before its work was done/],
    ["asyncThrow", /failed in stage one, epoch 1, train batch 1: Error: inside async/],
    ["barrier0", /rank \d .* is in \w+.*, but rank \d is in \w+/],
  ] as const) {
    test(`${BAD} ends the run with its own words`, async () => {
      const { code, stderr } = await trial("mistakes.mjs", ["--batch-size", "4", "--timeout", "5"], { BAD });
      assert.equal(code, 1);
      assert.match(stderr, message);
    });
  }
});
