// The command as a user types it: launcher, real workers, real files.

import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { readCheckpoint } from "../../src/checkpoint/format.js";
import { encodeSafetensors } from "../../src/checkpoint/safetensors.js";
import type { LoaderSummary } from "../../src/core/summary.js";
import { writeBars } from "../support/bars.js";
import { ddpTrain, readSummary, root } from "../support/cli.js";

const work = mkdtempSync(join(tmpdir(), "ddp-main-job-"));
const data = join(work, "data");
const common = ["--dataset", "mnist", "--data-dir", data, "--batch-size", "4"];
before(() => writeBars(data, 602, 101));
after(() => rmSync(work, { recursive: true, force: true }));

describe("the two-stage recipe on three workers", () => {
  const logdir = join(work, "three");
  const args = ["--gpus", "3", "--stages", "freezed,unfreezed", "--device", "auto", ...common];

  test("trains, and leaves everything a run leaves", async () => {
    const { code, stdout, stderr } = await ddpTrain([...args, "--logdir", logdir]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /\* Epoch \(3\/3\)/);
    assert.match(stdout, /valid \(3\/3\) accuracy: 0\.\d+ \|/);
    const files = readdirSync(logdir);
    for (const name of [
      "config.json",
      "summary.json",
      "train.csv",
      "valid.csv",
      "train",
      "valid",
      "checkpoints",
      "logs",
    ]) {
      assert.ok(files.includes(name), `${name} is missing among ${files}`);
    }
    assert.deepEqual(readdirSync(join(logdir, "logs")).sort(), ["rank-0.log", "rank-1.log", "rank-2.log"]);
    assert.deepEqual(
      readdirSync(join(logdir, "checkpoints")).sort(),
      ["_metrics.json", "best.safetensors", "last.safetensors"]
        .concat(
          ["freezed", "unfreezed"].flatMap((stage) =>
            [1, 2, 3].map((epoch) => `${stage}.${epoch}.safetensors`),
          ),
        )
        .sort(),
    );
  });

  test("says loudly that without GPUs it trains on the CPU", async () => {
    const { stdout, stderr } = await ddpTrain(
      [...args, "--epochs", "1", "--quiet", "--logdir", join(work, "quiet")],
      {
        CUDA_VISIBLE_DEVICES: "",
      },
    );
    assert.match(stdout + stderr, /3 workers .*CPU/i);
  });

  test("the summary holds every number of the run", () => {
    const summary = readSummary(logdir);
    assert.equal(summary.status, "completed");
    assert.equal(summary.world_size, 3);
    assert.equal(summary.dataset, "mnist");
    assert.deepEqual(
      summary.stages.map(({ stage, epochs }) => [stage, epochs.length]),
      [
        ["freezed", 3],
        ["unfreezed", 3],
      ],
    );
    const valid = summary.stages[1].epochs[2].valid as LoaderSummary;
    // Every image once, although 101 is not a multiple of 3; train is padded to 3 x 201.
    assert.equal(valid.samples, 101);
    assert.equal((summary.stages[1].epochs[2].train as LoaderSummary).samples, 603);
    for (const name of [
      "loss",
      "accuracy",
      "accuracy01",
      "accuracy03",
      "accuracy05",
      "f1/_macro",
      "recall/class_09",
    ]) {
      assert.equal(typeof valid.metrics[name], "number", name);
    }
    assert.ok(valid.metrics.accuracy01 > 0.9, `accuracy ${valid.metrics.accuracy01}`);
    assert.match(String(summary.weights_sha256), /^[0-9a-f]{64}$/);
    assert.equal(summary.best?.stage, "unfreezed");
  });

  test("the frozen layer stays, bit for bit, until the second stage", () => {
    const kernel = (name: string) =>
      readCheckpoint(join(logdir, `checkpoints/${name}.safetensors`)).model["dense1/kernel"];
    assert.deepEqual(kernel("freezed.3"), kernel("freezed.1"));
    assert.notDeepEqual(kernel("unfreezed.1"), kernel("freezed.3"));
  });

  test("counters go on through the stages", () => {
    const { counters } = readCheckpoint(join(logdir, "checkpoints/last.safetensors"));
    assert.equal(counters.globalEpochStep, 6);
    assert.equal(counters.globalSampleStep, 6 * (603 + 101));
    assert.equal(counters.stageEpochStep, 3);
  });

  test("one CSV line an epoch, one header", () => {
    const lines = readFileSync(join(logdir, "valid.csv"), "utf8").trim().split("\n");
    assert.equal(lines.length, 7);
    assert.match(lines[0], /^step,/);
    assert.deepEqual(
      lines.slice(1).map((line) => line.split(",")[0]),
      ["1", "2", "3", "4", "5", "6"],
    );
  });

  test("the same command gives the same weights, also over the old log folder", async () => {
    const first = readSummary(logdir).weights_sha256;
    const refused = await ddpTrain([...args, "--logdir", logdir]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /holds a run already.*--overwrite/s);
    const { code, stderr } = await ddpTrain([...args, "--logdir", logdir, "--overwrite", "--quiet"]);
    assert.equal(code, 0, stderr);
    assert.equal(readSummary(logdir).weights_sha256, first);
  });
});

test("one worker is the same path, and starts from given weights", async () => {
  const from = join(work, "three/checkpoints/best.safetensors");
  const logdir = join(work, "warm");
  const args = [
    "--workers",
    "1",
    "--stages",
    "freezed",
    "--epochs",
    "1",
    "--init-from",
    from,
    "--logdir",
    logdir,
  ];
  const { code, stderr } = await ddpTrain([...common, ...args]);
  assert.equal(code, 0, stderr);
  const accuracy = (readSummary(logdir).stages[0].epochs[0].valid as LoaderSummary).metrics.accuracy01;
  assert.ok(accuracy > 0.9, `one frozen epoch from trained weights: ${accuracy}`);
});

describe("a recipe of the user's own, in a folder that knows nothing of ddp-train", () => {
  const folder = join(work, "own");
  before(() => mkdirSync(folder, { recursive: true }));
  const source = (types: boolean) => `
    import { Recipe, DataLoader, DistributedSampler, CriterionCallback, OptimizerCallback, tf } from "ddp-train";
    ${types ? 'import { length } from "./size.js"; import type { Batch } from "ddp-train";' : "const length = 64;"}
    const dataset = { length, collate: (indices${types ? ": Int32Array" : ""}) => {
      const x = tf.tensor2d(Array.from(indices, (i) => [i / 64, 1]));
      return [x, tf.mul(x.slice([0, 0], [-1, 1]), 3)];
    } };
    export default class Own extends Recipe {
      stages = ["only"];
      getStageLen() { return 2; }
      getLoaders() {
        const { batchSize, rank, worldSize } = this.config;
        const sampler = new DistributedSampler(dataset, { rank, numReplicas: worldSize });
        return { train: new DataLoader(dataset, { batchSize, sampler }) };
      }
      getModel() { return tf.sequential({ layers: [tf.layers.dense({ name: "line", units: 1, inputShape: [2], kernelInitializer: "zeros" })] }); }
      getCriterion() { return (y${types ? ": tf.Tensor" : ""}, t${types ? ": tf.Tensor" : ""}) => tf.losses.meanSquaredError(t, y); }
      getOptimizer() { return tf.train.sgd(0.3); }
      getCallbacks() {
        return {
          criterion: new CriterionCallback({ metricKey: "mse", inputKey: "y", targetKey: "t" }),
          optimizer: new OptimizerCallback({ metricKey: "mse" }),
        };
      }
      handleBatch([x, t]${types ? ": Batch" : ""}) { this.batch = { t, y: this.model.apply(x) }; }
    }`;

  for (const [file, types] of [
    ["own.ts", true],
    ["own.js", false],
    ["own.mjs", false],
  ] as const) {
    test(`${file} trains`, async () => {
      writeFileSync(join(folder, file), source(types));
      writeFileSync(join(folder, "size.ts"), "export const length: number = 64;");
      const logdir = join(work, `own-${file}`);
      const { code, stderr } = await ddpTrain([
        "--recipe",
        join(folder, file),
        "--workers",
        "2",
        "--batch-size",
        "8",
        "--logdir",
        logdir,
      ]);
      assert.equal(code, 0, stderr);
      const { stages, recipe } = readSummary(logdir);
      assert.equal(recipe, "own");
      const [first, second] = stages[0].epochs.map(({ train }) => (train as LoaderSummary).metrics.mse);
      assert.ok(second < first, `${first} -> ${second}`);
    });
  }
});

describe("bad input ends with exit code 2 and one line that helps", () => {
  const cases: readonly [name: string, args: () => string[], line: RegExp][] = [
    [
      "an unknown stage",
      () => ["--stages", "freezed,melted"],
      /no stage "melted"; its stages are: freezed, unfreezed/,
    ],
    ["no worker", () => ["--workers", "0"], /--workers .*at least 1.*"?0"?/],
    ["a number of GPUs that is none", () => ["--gpus", "many"], /--gpus .*"many"/],
    ["a missing recipe", () => ["--recipe", join(work, "none.ts")], /none\.ts/],
    ["a GPU asked for that is not there", () => ["--device", "cuda"], /--device cuda: .*GPU/],
    [
      "a recipe that is not one",
      () => {
        writeFileSync(join(work, "empty.js"), "export const answer = 42;");
        return ["--recipe", join(work, "empty.js")];
      },
      /exports answer; it wants "export default class/,
    ],
    [
      "a recipe that does not parse",
      () => {
        writeFileSync(join(work, "broken.ts"), "export default class {");
        return ["--recipe", join(work, "broken.ts")];
      },
      /broken\.ts does not load: .*broken\.ts:1/,
    ],
    [
      "a truncated data file",
      () => {
        const folder = join(work, "truncated");
        writeBars(folder, 20, 10);
        truncateSync(join(folder, "train-images-idx3-ubyte"), 1000);
        return ["--data-dir", folder];
      },
      /train-images-idx3-ubyte.*15696/,
    ],
    [
      "weights of another shape",
      () => {
        const file = join(work, "foreign.safetensors");
        const bias = { dtype: "F32", shape: [3], data: new Float32Array(3) } as const;
        const names = ["dense1/kernel", "dense1/bias", "dense2/kernel", "dense2/bias"];
        writeFileSync(
          file,
          Buffer.concat(encodeSafetensors(Object.fromEntries(names.map((name) => [name, bias])), {})),
        );
        return ["--init-from", file];
      },
      /--init-from .*weight "dense1\/kernel" has shape \[3\], but the model wants \[784,128\]/,
    ],
    [
      "a log folder that is a file",
      () => {
        writeFileSync(join(work, "file"), "");
        return ["--logdir", join(work, "file/run")];
      },
      /file\/run/,
    ],
  ];
  for (const [name, args, line] of cases) {
    test(name, async () => {
      const logdir = join(work, `bad-${name.replaceAll(" ", "-")}`);
      const { code, stderr } = await ddpTrain([
        "--workers",
        "2",
        ...common,
        "--logdir",
        logdir,
        "--quiet",
        ...args(),
      ]);
      assert.equal(code, 2, stderr);
      const complaint = stderr
        .trim()
        .split("\n")
        .filter((text) => text.startsWith("ddp-train: "));
      assert.equal(complaint.length, 1, stderr);
      assert.match(complaint[0], line);
    });
  }
});

test("npm start is the whole recipe with two workers", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.match(scripts.start, /dist\/launcher\/cli\.js --workers 2$/);
  assert.ok(existsSync(join(root, "dist/launcher/cli.js")));
});

describe("gradients in 16 bits and small buckets", () => {
  test("train as far as float32's, to the same bits through memory and over ZeroMQ", async () => {
    const runs = [];
    for (const [name, args, env] of [
      ["exact", [], {}],
      ["memory", ["--wire", "bf16", "--bucket-mb", "1"], {}],
      ["sockets", ["--wire", "bf16", "--bucket-mb", "1"], { DDP_TRANSPORT: "zmq" }],
    ] as const) {
      const logdir = join(work, `wire-${name}`);
      const given = ["--workers", "3", "--epochs", "2", ...common, ...args, "--logdir", logdir];
      const { code, stderr } = await ddpTrain(given, env);
      assert.equal(code, 0, stderr);
      runs.push(readSummary(logdir));
    }
    const [exact, memory, sockets] = runs;
    assert.equal(sockets.weights_sha256, memory.weights_sha256);
    assert.notEqual(memory.weights_sha256, exact.weights_sha256);
    const accuracy = ({ best }: typeof exact) => best?.score ?? Number.NaN;
    assert.ok(
      Math.abs(accuracy(memory) - accuracy(exact)) < 0.03,
      `${accuracy(memory)} for ${accuracy(exact)}`,
    );
  });
});
