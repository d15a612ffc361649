// From typed options to checked ones: defaults, and one clear line for every mistake.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import {
  type LaunchOptions,
  resolveOwn,
  resolveOptions as resolveTrainer,
} from "../../../src/launcher/options/resolve.js";
import { MNIST_OPTIONS } from "../../../src/recipes/mnist-options.js";

const folder = mkdtempSync(join(tmpdir(), "options-"));
after(() => rmSync(folder, { recursive: true }));

/** Of the built-in recipe. */
function resolveOptions(given: LaunchOptions, env: NodeJS.ProcessEnv = {}) {
  return { ...resolveTrainer(given, env), ...resolveOwn(MNIST_OPTIONS, given, env) };
}

function refused(given: LaunchOptions, message: string | RegExp): void {
  assert.throws(() => resolveOptions(given, {}), { name: "UsageError", message });
}

test("defaults are those of the documentation", () => {
  const resolved: Readonly<Record<string, unknown>> = resolveOptions({}, { XDG_CACHE_HOME: "/cache" });
  const expected = {
    dataDir: "/cache/ddp-train",
    workers: null,
    gpusAsked: false,
    device: "auto",
    stages: null,
    recipe: null,
    epochs: null,
    batchSize: 32,
    dataset: "auto",
    initFrom: null,
    logdir: null,
    overwrite: false,
    seed: 42,
    verbosity: "normal",
    progress: true,
    timeoutSeconds: 60,
    checkpointEvery: null,
    onNan: "stop",
    wire: "fp32",
    bucketMb: 25,
    maxRestarts: 0,
  };
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(resolved[name], value, name);
});

test("typed text becomes numbers, lists and absolute paths", () => {
  const recipe = join(folder, "mine.ts");
  writeFileSync(recipe, "");
  const options = resolveOptions({
    gpus: "4",
    stages: " freezed, unfreezed ",
    epochs: "2",
    batchSize: "64",
    seed: "0",
    timeout: "5",
    checkpointEvery: "100",
    onNan: "skip",
    wire: "bf16",
    bucketMb: "8",
    maxRestarts: "3",
    device: "wasm",
    dataset: "digits",
    recipe,
    initFrom: recipe,
    logdir: "somewhere",
    quiet: true,
    progress: false,
  });
  assert.equal(options.workers, 4);
  assert.equal(options.gpusAsked, true);
  assert.deepEqual(options.stages, ["freezed", "unfreezed"]);
  assert.equal(options.epochs, 2);
  assert.equal(options.batchSize, 64);
  assert.equal(options.seed, 0);
  assert.equal(options.timeoutSeconds, 5);
  assert.equal(options.checkpointEvery, 100);
  assert.equal(options.onNan, "skip");
  assert.equal(options.wire, "bf16");
  assert.equal(options.bucketMb, 8);
  assert.equal(options.maxRestarts, 3);
  assert.equal(options.recipe, recipe);
  assert.equal(options.initFrom, recipe);
  assert.equal(options.logdir, resolve("somewhere"));
  assert.equal(options.verbosity, "quiet");
  assert.equal(options.progress, false);
});

test("the data folder comes from the option, the environment, the cache", () => {
  const env = { DDP_DATA_DIR: "/data", XDG_CACHE_HOME: "/cache" };
  assert.equal(resolveOptions({ dataDir: "/given" }, env).dataDir, "/given");
  assert.equal(resolveOptions({}, env).dataDir, "/data");
  assert.match(resolveOptions({}, {}).dataDir as string, /\/\.cache\/ddp-train$/);
});

test("numbers that are none are refused by name", () => {
  refused({ gpus: "0" }, '--gpus wants a whole number of at least 1, got "0"');
  refused({ gpus: "-2" }, '--gpus wants a whole number of at least 1, got "-2"');
  refused({ workers: "two" }, '--workers wants a whole number of at least 1, got "two"');
  refused({ workers: 1.5 }, '--workers wants a whole number of at least 1, got "1.5"');
  refused({ workers: Number.NaN }, '--workers wants a whole number of at least 1, got "NaN"');
  refused({ epochs: "0x10" }, '--epochs wants a whole number of at least 1, got "0x10"');
  refused({ batchSize: "" }, '--batch-size wants a whole number of at least 1, got ""');
  refused({ seed: "-1" }, '--seed wants a whole number of at least 0, got "-1"');
  refused({ seed: "4294967296" }, '--seed wants a whole number of at most 4294967295, got "4294967296"');
  refused({ workers: "1025" }, '--workers wants a whole number of at most 1024, got "1025"');
  refused({ checkpointEvery: "0" }, '--checkpoint-every wants a whole number of at least 1, got "0"');
  refused({ maxRestarts: "-1" }, '--max-restarts wants a whole number of at least 0, got "-1"');
  // The all-reduce waits no longer than a week.
  refused({ timeout: "700000" }, '--timeout wants a whole number of at most 604800, got "700000"');
  refused({ timeout: "1e3" }, '--timeout wants a whole number of at least 1, got "1e3"');
});

test("gpus and workers must agree when both are given", () => {
  assert.equal(resolveOptions({ gpus: "2", workers: "2" }).workers, 2);
  refused({ gpus: "2", workers: "3" }, /^--gpus 2 and --workers 3 disagree/);
});

test("choices are listed", () => {
  refused({ device: "tpu" }, '--device wants one of auto, cuda, native, wasm, cpu; got "tpu"');
  refused({ onNan: "ignore" }, '--on-nan wants one of stop, skip; got "ignore"');
  refused({ wire: "int8" }, '--wire wants one of fp32, fp16, bf16; got "int8"');
  refused({ dataset: "cifar" }, '--dataset wants one of auto, mnist, digits; got "cifar"');
});

test("stages are named once and not empty", () => {
  refused({ stages: "freezed,,unfreezed" }, /names with a comma between them, got "freezed,,unfreezed"/);
  refused({ stages: "" }, /got ""/);
  refused({ stages: [] }, /got ""/);
  refused({ stages: "a,b,a" }, '--stages names "a" twice; a stage can run once');
});

test("files must be there, and be of the right kind", () => {
  refused({ recipe: "no/such.ts" }, `--recipe: there is no file ${resolve("no/such.ts")}`);
  refused({ recipe: folder }, `--recipe wants a file, and ${folder} is not one`);
  refused(
    { recipe: "package.json" },
    `--recipe wants a .ts, .mts, .js or .mjs file, got ${resolve("package.json")}`,
  );
  refused({ initFrom: "/no/weights" }, "--init-from: there is no file /no/weights");
  refused({ logdir: "package.json" }, `--logdir wants a folder, and ${resolve("package.json")} is a file`);
  refused({ logdir: "package.json/x" }, /^--logdir: cannot use .*package.json\/x \(ENOTDIR/);
  refused({ dataDir: " " }, '--data-dir wants a path, got ""');
});

test("a run is not started from the weights of the run that it replaces", () => {
  const initFrom = join(folder, "best.safetensors");
  writeFileSync(initFrom, "");
  refused({ initFrom, logdir: folder, overwrite: true }, /is in the run that --overwrite replaces/);
  assert.equal(resolveOptions({ initFrom, logdir: folder }).initFrom, initFrom);
});

test("quiet and verbose contradict each other", () => {
  refused({ quiet: true, verbose: true }, /contradict/);
  assert.equal(resolveOptions({ verbose: true }).verbosity, "verbose");
});
