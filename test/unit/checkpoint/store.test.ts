import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CheckpointStore, type CheckpointStoreOptions } from "../../../src/checkpoint/store.js";
import { temporaryFolder } from "../../support/data-files.js";
import { stateAt } from "../../support/run-state.js";

const options: CheckpointStoreOptions = {
  loaderKey: "valid",
  metricKey: "loss",
  minimize: true,
  saveNBest: 3,
};

test("an epoch is saved as itself, as last, and as best when it is", (t) => {
  const folder = join(temporaryFolder(t), "checkpoints");
  const store = new CheckpointStore(folder, options);
  assert.equal(store.best, null);
  assert.equal(store.last, null);
  const first = store.save(stateAt("freezed", 1, 0.5));
  assert.deepEqual(first, { score: 0.5, isBest: true, path: join(folder, "freezed.1.safetensors") });
  const second = store.save(stateAt("freezed", 2, 0.7));
  assert.deepEqual(second, { score: 0.7, isBest: false, path: join(folder, "freezed.2.safetensors") });
  assert.deepEqual(files(folder), ["best", "freezed.1", "freezed.2", "last"]);
  assert.equal(store.load("best").epoch, 1);
  assert.equal(store.load("best_full").epoch, 1);
  assert.equal(store.load("last").epoch, 2);
  assert.equal(store.load("last_full").epoch, 2);
  assert.equal(store.load(join(folder, "freezed.1.safetensors")).epoch, 1);
  assert.deepEqual(store.read("last"), new Uint8Array(readFileSync(join(folder, "last.safetensors"))));
  assert.deepEqual(store.best, {
    stage: "freezed",
    epoch: 1,
    metric: "loss",
    score: 0.5,
    path: "checkpoints/best.safetensors",
  });
  assert.deepEqual(store.last, { path: "checkpoints/last.safetensors" });
});

test("_metrics.json says what each file is", (t) => {
  const folder = temporaryFolder(t);
  const store = new CheckpointStore(folder, { ...options, saveNBest: 1 });
  store.save(stateAt("freezed", 1, 0.5));
  store.save(stateAt("freezed", 2, Number.NaN));
  const ranking = { _loader_: "valid", _metric_: "loss", _minimize_: true, _stage_: "freezed" };
  const first = { ...ranking, _epoch_: 1, _global_epoch_step_: 1, _score_: 0.5 };
  const listed = metricsOf(folder);
  assert.deepEqual(listed, {
    best: { train: { loss: 1.5 }, valid: { loss: 0.5, accuracy: 0.5 }, ...first },
    last: {
      train: { loss: null },
      valid: { loss: null, accuracy: null },
      ...ranking,
      _epoch_: 2,
      _global_epoch_step_: 2,
      _score_: null,
    },
    "freezed.1": { train: { loss: 1.5 }, valid: { loss: 0.5, accuracy: 0.5 }, ...first },
  });
  assert.equal(typeof listed.best._score_, "number");
});

test("only the best N of a stage stay, and evicting epoch 1 leaves 10 to 19", (t) => {
  const folder = temporaryFolder(t);
  const store = new CheckpointStore(folder, { ...options, saveNBest: 12 });
  // Ever better: epochs 1, 2, ... are evicted in turn while 10 to 19 are there.
  for (let epoch = 1; epoch <= 21; epoch++) store.save(stateAt("s", epoch, 1 / epoch));
  const kept = Array.from({ length: 12 }, (_, i) => `s.${i + 10}`);
  assert.deepEqual(files(folder), ["best", "last", ...kept].sort());
  for (const name of kept) assert.equal(`s.${store.load(join(folder, `${name}.safetensors`)).epoch}`, name);
  assert.deepEqual(Object.keys(metricsOf(folder)), ["best", "last", ...kept]);
});

test("an epoch that is not among the best N has no file of its own, and is last all the same", (t) => {
  const folder = temporaryFolder(t);
  const store = new CheckpointStore(folder, { ...options, saveNBest: 1 });
  store.save(stateAt("s", 1, 0.5));
  assert.equal(store.save(stateAt("s", 2, 0.6)).path, join(folder, "last.safetensors"));
  assert.equal(
    store.save(stateAt("s", 3, 0.5)).path,
    join(folder, "last.safetensors"),
    "ties keep the earlier",
  );
  assert.deepEqual(files(folder), ["best", "last", "s.1"]);
  assert.equal(store.load("last").epoch, 3);
  assert.equal(store.load("best").epoch, 1);
});

test("saveNBest 0 keeps best and last alone", (t) => {
  const folder = temporaryFolder(t);
  const store = new CheckpointStore(folder, { ...options, saveNBest: 0 });
  for (const [i, loss] of [0.5, 0.4, 0.6].entries()) store.save(stateAt("s", i + 1, loss));
  assert.deepEqual(files(folder), ["best", "last"]);
  assert.equal(store.load("best").epoch, 2);
  assert.equal(store.load("last").epoch, 3);
});

test("each stage keeps its own best N, and a worse second stage does not take over best", (t) => {
  const folder = temporaryFolder(t);
  const first = new CheckpointStore(folder, { ...options, saveNBest: 1 });
  first.save(stateAt("freezed", 1, 0.3, 1));
  // Callbacks, and so the store, are built anew at each stage.
  const second = new CheckpointStore(folder, { ...options, saveNBest: 1 });
  assert.equal(second.best?.score, 0.3);
  assert.equal(second.save(stateAt("unfreezed", 1, 0.9, 2)).isBest, false);
  assert.deepEqual(files(folder), ["best", "freezed.1", "last", "unfreezed.1"]);
  assert.equal(second.load("best").stage, "freezed");
  assert.equal(second.save(stateAt("unfreezed", 2, 0.2, 3)).isBest, true);
  assert.deepEqual(files(folder), ["best", "freezed.1", "last", "unfreezed.2"]);
  assert.deepEqual([second.best?.stage, second.best?.epoch], ["unfreezed", 2]);
});

test("a stage that ranks by another metric starts with a best of its own", (t) => {
  const folder = temporaryFolder(t);
  new CheckpointStore(folder, options).save(stateAt("a", 1, 0.1));
  const store = new CheckpointStore(folder, { ...options, metricKey: "accuracy", minimize: false });
  assert.deepEqual(
    store.save(stateAt("b", 1, 0.8)).isBest,
    true,
    "accuracy 0.2 is not measured against loss 0.1",
  );
  assert.equal(store.best?.metric, "accuracy");
  assert.equal(store.save(stateAt("b", 2, 0.9)).isBest, false);
  assert.equal(store.save(stateAt("b", 3, 0.5)).isBest, true);
});

test("NaN is never the best, and any finite score beats it", (t) => {
  const folder = temporaryFolder(t);
  const store = new CheckpointStore(folder, { ...options, saveNBest: 1 });
  for (const [epoch, loss] of [Number.NaN, -Infinity].entries()) {
    const saved = store.save(stateAt("s", epoch + 1, loss));
    assert.deepEqual([saved.score, saved.isBest], [null, false]);
  }
  assert.equal(store.best, null);
  const path = join(folder, "best.safetensors");
  const message = `there is no checkpoint ${path}; no epoch has had a finite loss yet`;
  assert.throws(() => store.resolve("best"), { name: "UsageError", message });
  assert.equal(store.save(stateAt("s", 3, 1e30)).isBest, true);
  assert.deepEqual(files(folder), ["best", "last", "s.3"]);
  assert.equal(store.save(stateAt("s", 4, Number.NaN)).isBest, false);
  assert.equal(store.load("best").epoch, 3);
});

test("an improvement below minDelta is none", (t) => {
  const store = new CheckpointStore(temporaryFolder(t), { ...options, minDelta: 0.1 });
  assert.equal(store.save(stateAt("s", 1, 1)).isBest, true);
  assert.equal(store.save(stateAt("s", 2, 0.95)).isBest, false);
  assert.equal(store.save(stateAt("s", 3, 0.85)).isBest, true);
});

test("without a metric the newest epoch is the best", (t) => {
  const folder = temporaryFolder(t);
  const store = new CheckpointStore(folder, { saveNBest: 2 });
  for (let epoch = 1; epoch <= 3; epoch++)
    assert.equal(store.save(stateAt("s", epoch, Number.NaN)).isBest, true);
  assert.deepEqual(files(folder), ["best", "last", "s.2", "s.3"]);
  assert.deepEqual([store.best?.metric, store.best?.score], ["global_epoch_step", 3]);
});

test("a store goes on where another left off, with its list and its best", (t) => {
  const folder = temporaryFolder(t);
  const before = new CheckpointStore(folder, { ...options, saveNBest: 2 });
  before.save(stateAt("s", 1, 0.5));
  before.save(stateAt("s", 2, 0.4));
  const store = new CheckpointStore(folder, { ...options, saveNBest: 2 });
  assert.deepEqual(store.best, before.best);
  assert.deepEqual(store.last, before.last);
  assert.equal(store.save(stateAt("s", 3, 0.45)).isBest, false);
  assert.deepEqual(files(folder), ["best", "last", "s.2", "s.3"]);
  assert.deepEqual(Object.keys(metricsOf(folder)), ["best", "last", "s.2", "s.3"]);
});

test("a crash between any two steps of a save leaves a folder to go on from", (t) => {
  const state = (epoch: number) => stateAt("s", epoch, 1 / epoch);
  const expected = temporaryFolder(t);
  const untroubled = new CheckpointStore(expected, { ...options, saveNBest: 1 });
  for (let epoch = 1; epoch <= 2; epoch++) untroubled.save(state(epoch));

  // A folder in the way of a step's temporary file stops the save right there, as a crash would.
  for (const target of ["s.2.safetensors", "best.safetensors", "_metrics.json", "last.safetensors"]) {
    const folder = temporaryFolder(t);
    new CheckpointStore(folder, { ...options, saveNBest: 1 }).save(state(1));
    const obstacle = join(folder, `${target}.${process.pid}.tmp`);
    mkdirSync(join(obstacle, "x"), { recursive: true });
    const crashed = new CheckpointStore(folder, { ...options, saveNBest: 1 });
    assert.throws(() => crashed.save(state(2)), {
      name: "RunError",
      message: /^cannot save checkpoint s\.2 in /,
    });
    assert.ok(crashed.load("best"), `best is there after a crash at ${target}`);
    assert.equal(crashed.load("last").epoch, 1, `last is whole after a crash at ${target}`);

    rmSync(obstacle, { recursive: true });
    const store = new CheckpointStore(folder, { ...options, saveNBest: 1 });
    store.save(state(store.load("last").epoch + 1));
    assert.deepEqual(files(folder), files(expected), target);
    assert.deepEqual(metricsOf(folder), metricsOf(expected), target);
    assert.deepEqual(store.load("best"), untroubled.load("best"), target);
  }
});

test("what a crash left behind does no harm", (t) => {
  const folder = temporaryFolder(t);
  new CheckpointStore(folder, options).save(stateAt("s", 1, 0.5));
  for (const name of ["best.safetensors", "s.2.safetensors", "_metrics.json"]) {
    writeFileSync(join(folder, `${name}.${process.pid}.tmp`), "half a fi");
  }
  const store = new CheckpointStore(folder, options);
  assert.equal(store.save(stateAt("s", 2, 0.4)).isBest, true);
  assert.deepEqual(files(folder), ["best", "last", "s.1", "s.2"]);
  assert.equal(store.load("best").epoch, 2);
  // Files that the user removed are forgotten.
  for (const name of ["best", "s.2"]) rmSync(join(folder, `${name}.safetensors`));
  const reopened = new CheckpointStore(folder, options);
  assert.equal(reopened.best, null);
  assert.equal(reopened.save(stateAt("s", 3, 0.9)).isBest, true);
});

test("saving the same epoch again replaces it", (t) => {
  const folder = temporaryFolder(t);
  const store = new CheckpointStore(folder, options);
  store.save(stateAt("s", 1, 0.5));
  store.save({ ...stateAt("s", 1, 0.4), recipe: "other" });
  assert.deepEqual(files(folder), ["best", "last", "s.1"]);
  for (const name of ["best", "last"]) assert.equal(store.load(name).recipe, "other");
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("one epoch takes its room on disk once", (t) => {
  const folder = temporaryFolder(t);
  new CheckpointStore(folder, options).save(stateAt("s", 1, 0.5));
  const inodes = ["best", "last", "s.1"].map((name) => statSync(join(folder, `${name}.safetensors`)).ino);
  assert.equal(new Set(inodes).size, 1);
});

test("mistakes are told in one line", (t) => {
  const folder = temporaryFolder(t);
  const usage = (message: string | RegExp) => ({ name: "UsageError", message });
  const store = new CheckpointStore(folder, options);
  const none = join(folder, "none.safetensors");
  assert.throws(() => store.load(none), usage(`there is no checkpoint ${none}`));
  assert.throws(
    () => store.load("last"),
    usage(`there is no checkpoint ${join(folder, "last.safetensors")}`),
  );
  assert.throws(
    () => store.save(stateAt("../s", 1, 1)),
    usage(/stage "\.\.\/s" cannot be part of a file name/),
  );
  assert.throws(() => new CheckpointStore(folder, { ...options, saveNBest: -1 }), usage(/saveNBest.*got -1/));
  assert.throws(
    () => new CheckpointStore(folder, { ...options, minDelta: Number.NaN }),
    usage(/minDelta.*got NaN/),
  );
  assert.throws(() => new CheckpointStore(folder, { metricKey: "loss" }), usage(/go together/));
  assert.throws(
    () => new CheckpointStore(folder, { ...options, loaderKey: "test" }).save(stateAt("s", 1, 1)),
    usage('checkpoint: there is no loader "test"; known: train, valid'),
  );
  assert.throws(
    () => new CheckpointStore(folder, { ...options, metricKey: "acc" }).save(stateAt("s", 1, 1)),
    usage('checkpoint: loader "valid" has no metric "acc"; known: loss, accuracy'),
  );
  assert.deepEqual(readdirSync(folder), []);
  const outside = '{"../x.1":{"_stage_":"../x","_epoch_":1,"_score_":1}}';
  for (const content of ["{", "[]garbage", '{"best":{"_score_":"loss"}}', '{"best":null}', outside]) {
    writeFileSync(join(folder, "_metrics.json"), content);
    assert.throws(() => new CheckpointStore(folder, options), usage(/_metrics\.json is damaged: restore it/));
  }
});

function files(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));
  return names.map((name) => name.slice(0, -".safetensors".length)).sort();
}

function metricsOf(folder: string): Record<string, Record<string, unknown>> {
  return JSON.parse(readFileSync(join(folder, "_metrics.json"), "utf8"));
}
