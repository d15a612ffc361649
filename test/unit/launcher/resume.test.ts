// Going on with a run: from which checkpoint, with which options, and when not.
import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { singleNode } from "../../../src/core/topology.js";
import type { LaunchOptions } from "../../../src/launcher/options/resolve.js";
import { fakeProgress, fakeResults } from "../../fixtures/fake-results.js";
import { folder, logdir, readLog, run, traces, untilTraining, useFakeRuns } from "../../fixtures/fake-run.js";

useFakeRuns();

const last = () => join(logdir, "checkpoints/last.safetensors");

/** A run of one worker that was interrupted; its worker has saved `last`. */
async function interruptedRun(options: LaunchOptions = {}, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const stop = new AbortController();
  const running = run(["wait,train"], options, env, { stop: stop.signal });
  await untilTraining();
  stop.abort("SIGTERM");
  const { error } = await running;
  assert.equal(error?.name, "Interrupted");
}

function lastInit() {
  return traces().at(-1)!.init;
}

async function refused(options: LaunchOptions, message: string | RegExp, env: NodeJS.ProcessEnv = {}) {
  const { error } = await run(["train"], options, env);
  assert.equal(error?.name, "UsageError");
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
}

test("a run goes on from its last checkpoint with the options that it was started with", async () => {
  await interruptedRun({ epochs: 7, batchSize: 16, seed: 3, onNan: "skip", checkpointEvery: 10 });
  const before = { config: readLog("config.json"), summary: readLog("summary.json"), init: lastInit() };
  assert.deepEqual(before.summary.stages, fakeProgress.stages);

  const { summary, stdout } = await run(["train"], { resume: logdir });
  assert.equal(summary?.status, "completed");
  assert.deepEqual(summary.stages, fakeResults.stages);
  assert.ok(summary.wall_seconds > before.summary.wall_seconds, "the time of both processes");
  assert.match(stdout, /^going on with .*log from .*checkpoints\/last\.safetensors$/m);
  const { resume, options, token, endpoints } = lastInit();
  assert.equal(resume, last());
  assert.deepEqual(options, before.init.options);
  assert.notEqual(token, before.init.token);
  assert.notDeepEqual(endpoints, before.init.endpoints);

  const { resumed, ...rest } = readLog("config.json");
  assert.deepEqual(rest, before.config);
  assert.equal(resumed?.length, 1);
  const [{ time, ...entry }] = resumed;
  assert.ok(Date.parse(String(time)) > 0);
  const { versions } = before.config;
  assert.deepEqual(entry, { from: last(), versions, world_size: 1, engine: "wasm" });
});

test("what concerns the machine and the terminal may be given anew, and the world size stays changed", async () => {
  await interruptedRun();
  const stop = new AbortController();
  const anew = {
    workers: "2",
    timeout: "5",
    maxRestarts: "1",
    checkpointEvery: "3",
    device: "cpu",
    quiet: true,
  };
  const running = run(["wait", "wait"], { resume: logdir, ...anew }, {}, { stop: stop.signal });
  const hasEntry = () => readLog("config.json").resumed !== undefined;
  while (!hasEntry()) await new Promise((resolve) => setImmediate(resolve));
  const { options, topology } = lastInit();
  assert.deepEqual(topology, singleNode(2));
  assert.equal(options.timeoutSeconds, 5);
  assert.equal(options.maxRestarts, 1);
  assert.equal(options.checkpointEvery, 3);
  assert.equal(options.device, "cpu");
  assert.equal(options.verbosity, "quiet");
  stop.abort("SIGINT");
  const { stderr, error } = await running;
  assert.equal(error?.name, "Interrupted");
  assert.match(stderr, /^warning: trained on wasm before, on cpu from here/m);

  const { summary } = await run(["train", "train"], { resume: logdir });
  assert.equal(summary?.world_size, 2);
  assert.equal(lastInit().options.device, "auto");
  assert.equal(lastInit().options.timeoutSeconds, 60);
  assert.deepEqual(
    readLog("config.json").resumed?.map(({ world_size, engine }) => [world_size, engine]),
    [
      [2, "cpu"],
      [2, "wasm"],
    ],
  );
});

test("any other option is refused by name", async () => {
  await interruptedRun();
  const others: LaunchOptions[] = [
    { stages: "freezed" },
    { epochs: "1" },
    { batchSize: "1" },
    { dataset: "digits" },
    { dataDir: folder },
    { initFrom: last() },
    { logdir },
    { overwrite: true },
    { seed: "1" },
    { onNan: "stop" },
  ];
  for (const given of others) {
    const flag = Object.keys(given)[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    await refused(
      { resume: logdir, ...given },
      `a resumed run goes on with its own options: leave --${flag} out`,
    );
  }
  await refused({ resume: logdir, workers: "0" }, /^--workers wants/);
  await refused({ resume: logdir, quiet: true, verbose: true }, /contradict/);
  assert.equal(readLog("summary.json").status, "interrupted");
});

test("a recipe is run only when the user names it", async () => {
  const recipe = join(folder, "mine.ts");
  const other = join(folder, "other.ts");
  for (const file of [recipe, other]) writeFileSync(file, "");
  await interruptedRun({ recipe });
  await refused(
    { resume: logdir },
    `the run was started with a recipe, which is code, and runs only when you name it: add --recipe ${recipe}`,
  );
  await refused({ resume: logdir, recipe: other }, /other\.ts is not the run's: that is .*mine\.ts$/);
  const { summary } = await run(["train"], { resume: logdir, recipe });
  assert.equal(summary?.status, "completed");
  assert.equal(lastInit().options.recipe, recipe);
});

test("a checkpoint can be named, and one that is refused says what the worker says", async () => {
  await interruptedRun();
  const best = join(logdir, "checkpoints/best.safetensors");
  copyFileSync(last(), best);
  const before = [readLog("config.json"), readLog("summary.json")];
  await refused({ resume: best }, "last.safetensors is damaged; go on from best.safetensors", {
    FAKE_0: "refuse",
  });
  assert.deepEqual([readLog("config.json"), readLog("summary.json")], before, "nothing has happened");
  const failed = await run(["kill"], { resume: best });
  assert.match(
    failed.error!.message,
    /\n {2}to go on: ddp-train --resume \S*checkpoints\/best\.safetensors$/,
  );
  assert.equal(lastInit().resume, best);
  assert.deepEqual(readLog("summary.json").stages, fakeProgress.stages, "the epochs of before are kept");
  const { summary } = await run(["train"], { resume: best });
  assert.equal(summary?.status, "completed");
});

test("a run without a checkpoint begins anew in its folder, also when its first save broke off", async () => {
  await interruptedRun({ seed: 5 });
  const folders = join(logdir, "checkpoints");
  for (const left of [[], ["freezed.1.safetensors", "best.safetensors"]]) {
    rmSync(folders, { recursive: true });
    mkdirSync(folders);
    for (const name of left) writeFileSync(join(folders, name), "");
    writeFileSync(join(logdir, "train.csv"), "step,loss\n1,0.5\n");
    const stop = new AbortController();
    const running = run(["wait"], { resume: logdir }, {}, { stop: stop.signal });
    const entries = readLog("config.json").resumed?.length ?? 0;
    while ((readLog("config.json").resumed?.length ?? 0) === entries) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(lastInit().resume, null);
    assert.equal(lastInit().options.seed, 5);
    assert.ok(!existsSync(join(logdir, "train.csv")), "what the run had written is gone");
    for (const name of left) assert.ok(!existsSync(join(folders, name)));
    stop.abort("SIGINT");
    const { stdout } = await running;
    assert.match(stdout, /log has no checkpoint yet: starting at the beginning/);
    assert.equal(readLog("config.json").resumed?.at(-1)?.from, null);
  }
});

test("a missing last among other checkpoints costs nothing: the newest is offered", async () => {
  await interruptedRun();
  for (const [i, name] of ["freezed.3", "best", "unfreezed.1"].entries()) {
    const path = join(logdir, `checkpoints/${name}.safetensors`);
    writeFileSync(path, "");
    utimesSync(path, 1000, 1000 - Math.abs(i - 1));
  }
  rmSync(last());
  await refused(
    { resume: logdir },
    `there is no ${last()}: go on from the newest there is, --resume ${join(logdir, "checkpoints/best.safetensors")}`,
  );
  assert.ok(existsSync(join(logdir, "checkpoints/freezed.3.safetensors")));
});

test("a run that is complete is not resumed", async () => {
  await run(["train"]);
  const message = /^\S+log is complete: there is nothing to resume; .* --init-from \S+last\.safetensors$/;
  await refused({ resume: logdir }, message);
  await refused({ resume: last() }, message);
});

test("data and recipe must be what the run was trained on", async () => {
  const data = (train: string, more = {}) =>
    JSON.stringify({ dataset: "d", sha256: { train, valid: "a".repeat(64), ...more } });
  await interruptedRun({}, { FAKE_DATA: data("b".repeat(64)), FAKE_SOURCE: "1".repeat(64) });
  const before = [readLog("config.json"), readLog("summary.json")];
  await refused(
    { resume: logdir },
    "the data has changed: train is not what the run was trained on (SHA-256 bbbbbbbbbbbb…, now cccccccccccc…); put it back, start a new run, or go on with --allow-changed-data",
    { FAKE_DATA: data("c".repeat(64)), FAKE_SOURCE: "1".repeat(64) },
  );
  await refused({ resume: logdir }, /^the data has changed: test is not .* \(SHA-256 none, now d…\)/, {
    FAKE_SOURCE: "1".repeat(64),
    FAKE_DATA: data("b".repeat(64), { test: "d" }),
  });
  await refused({ resume: logdir }, /^the data has changed: train is not .* now none\)/, {
    FAKE_SOURCE: "1".repeat(64),
    FAKE_DATA: "null",
  });
  await refused(
    { resume: logdir },
    "the recipe's file has changed: the run was trained with SHA-256 111111111111…, now it is 222222222222…; put it back, or go on with --allow-changed-data",
    { FAKE_DATA: data("b".repeat(64)), FAKE_SOURCE: "2".repeat(64) },
  );
  assert.deepEqual([readLog("config.json"), readLog("summary.json")], before);
  await interruptedRun(
    { resume: logdir, allowChangedData: true },
    { FAKE_DATA: data("c".repeat(64)), FAKE_SOURCE: "2".repeat(64) },
  );

  const config = { ...readLog("config.json"), stages: ["freezed", "thawed"] };
  writeFileSync(join(logdir, "config.json"), JSON.stringify(config));
  await refused(
    { resume: logdir },
    /^the recipe has changed: the run was trained on fake \(freezed, thawed\), this is fake \(freezed, unfreezed\)/,
  );
});

test("what is no run is told apart", async () => {
  mkdirSync(join(folder, "checkpoints"));
  const [loose, text] = [join(folder, "checkpoints/a.safetensors"), join(folder, "a.txt")];
  for (const file of [loose, text]) writeFileSync(file, "");
  await refused(
    { resume: folder },
    /holds no run \(no config\.json\): one that ended before it began to train/,
  );
  await refused({ resume: loose }, /holds no run/);
  await refused({ resume: text }, /wants a log folder or a file in its checkpoints folder, got .*a\.txt$/);
  await refused({ resume: join(text, "x") }, /^--resume: cannot use .*ENOTDIR/);
  await refused({ resume: " " }, /^--resume: there is no run/);
  assert.ok(!existsSync(join(folder, "lock")));
});

test("a damaged summary is named", async () => {
  await interruptedRun();
  const path = join(logdir, "summary.json");
  writeFileSync(path, readFileSync(path, "utf8").slice(0, 40));
  await refused({ resume: logdir }, /summary\.json: .*JSON/);
  writeFileSync(path, '{"status":"completely"}');
  await refused({ resume: logdir }, /summary\.json: status wants one of completed, failed, interrupted, got/);
});
