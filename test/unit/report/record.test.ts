// What is read of a run's log folder, whole or in parts.
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  batchesLeftOut,
  judgingLoader,
  shownEpoch,
  stageSpans,
} from "../../../src/report/record/run-report.js";
import { readRun } from "../../../src/report/record.js";
import { epochs, work, writeRun } from "./runs.js";

after(() => rmSync(work, { recursive: true, force: true }));

const two = [
  ["warm", epochs(2, (i) => ({ loss: 2 - i }))],
  ["main", epochs(3, (i) => ({ loss: 1 / (i + 2) }))],
] as const;

test("a completed run has its epochs in order, its stages, its best epoch and what was watched", () => {
  const run = readRun(writeRun({ stages: two, best: ["main", 3, "loss", "valid", 0.25] }));
  assert.equal(run.status, "completed");
  assert.deepEqual(
    run.epochs.map(({ step, stage, epoch }) => [step, stage, epoch]),
    [
      [1, "warm", 1],
      [2, "warm", 2],
      [3, "main", 1],
      [4, "main", 2],
      [5, "main", 3],
    ],
  );
  assert.deepEqual(stageSpans(run.epochs), [
    { stage: "warm", from: 1, to: 2 },
    { stage: "main", from: 3, to: 5 },
  ]);
  assert.deepEqual(
    [run.best?.step, run.best?.loader, run.best?.score, judgingLoader(run), shownEpoch(run)?.step],
    [5, "valid", 0.25, "valid", 5],
  );
  assert.deepEqual([run.loaders, run.notes, batchesLeftOut(run)], [["train", "valid"], [], 4]);
});

test("NaN and infinity, which JSON lacks, come from the tables", () => {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1];
  const stages = [["s", epochs(4, (i) => ({ loss: odd[i], other: 1 }))]] as const;
  const losses = (logdir: string) =>
    readRun(logdir).epochs.map(({ loaders }) => loaders.get("train")?.metrics.get("loss"));
  assert.deepEqual(losses(writeRun({ stages })), odd);
  assert.deepEqual(losses(writeRun({ stages, tables: false })), [Number.NaN, Number.NaN, Number.NaN, 1]);
});

test("a table that contradicts the summary is left out, and that is said", () => {
  const logdir = writeRun({ stages: [["s", epochs(2, (i) => ({ loss: i, odd: Number.NaN }))]] });
  writeFileSync(join(logdir, "train.csv"), "step,loss,odd\n1,7,Infinity\n2,8,Infinity\n");
  const run = readRun(logdir);
  assert.deepEqual(run.notes, ["train.csv tells of other epochs than summary.json: it is left out."]);
  assert.ok(Number.isNaN(run.epochs[0].loaders.get("train")?.metrics.get("odd")));
});

test("a killed run has the epochs of its tables, with their stages where a checkpoint tells them", () => {
  const run = readRun(writeRun({ stages: two, summary: null, best: ["main", 2, "loss", "valid", 0.33] }));
  assert.equal(run.status, "unfinished");
  assert.deepEqual(
    run.epochs.map(({ stage, epoch }) => [stage, epoch]),
    [
      [null, null],
      [null, null],
      ["main", 1],
      ["main", 2],
      [null, null],
    ],
  );
  assert.deepEqual([run.best?.step, run.recipe, run.worldSize, run.wallSeconds], [4, "toy", 2, null]);
  assert.match(
    run.notes.join(" "),
    /Epochs 1 to 5 are known from the tables of metrics only.*no summary\.json/,
  );
});

test("an epoch that was begun is known from the table of the loader that was done", () => {
  const logdir = writeRun({ stages: two, summary: { status: "failed", error: "rank 1 broke" } });
  appendFileSync(join(logdir, "train.csv"), "6,NaN\n7,0.5");
  const { epochs: found, notes, status, error } = readRun(logdir);
  assert.deepEqual([status, error], ["failed", "rank 1 broke"]);
  // The line without an end was cut off by a crash.
  assert.deepEqual(
    found.map(({ loaders }) => loaders.size),
    [2, 2, 2, 2, 2, 1],
  );
  assert.match(notes.join(), /^Epoch 6 is known/);
});

test("what is missing is null, in folders with nothing else than one file", () => {
  const summaryOnly = readRun(writeRun({ stages: two, config: null, tables: false }));
  assert.equal(summaryOnly.setup, null);
  const configOnly = readRun(writeRun({ stages: [], summary: null }));
  assert.deepEqual([configOnly.epochs, configOnly.best, configOnly.weightsSha256], [[], null, null]);
  const bare = join(work, "bare");
  mkdirSync(bare);
  writeFileSync(join(bare, "config.json"), "{}");
  assert.deepEqual([readRun(bare).recipe, readRun(bare).engine], [null, null]);
});

test("names that objects have by themselves are names like others", () => {
  const metrics = Object.fromEntries([
    ["__proto__", 1],
    ["constructor", 2],
    ['a,"b"', 3],
  ]);
  const run = readRun(writeRun({ stages: [["s", epochs(1, () => metrics)]], summary: null }));
  assert.deepEqual([...(run.epochs[0].loaders.get("valid")?.metrics ?? [])], Object.entries(metrics));
});

test("a folder without a run, and a damaged one, are refused in one line that names the file", () => {
  const refused = (path: string, message: RegExp) =>
    assert.throws(() => readRun(path), { name: "UsageError", message });
  refused(join(work, "nowhere"), /nowhere holds no run: .*name the log folder of a run$/);
  refused(work, /holds no run/);
  const damaged = (name: string, content: string, message: RegExp) => {
    const logdir = writeRun({ stages: two });
    mkdirSync(join(logdir, "checkpoints"), { recursive: true });
    writeFileSync(join(logdir, name), content);
    refused(logdir, message);
  };
  damaged("summary.json", "{", /summary\.json is damaged: /);
  damaged("summary.json", "[]", /summary\.json is not a run's: the file wants an object$/);
  damaged("summary.json", '{"status":"great"}', /status wants one of completed, failed, interrupted$/);
  damaged(
    "summary.json",
    '{"status":"failed","stages":[{"stage":"a","epochs":[{"train":{"metrics":{"loss":"x"}}}]}]}',
    /stages\[0\]\.epochs\[0\]\.train\.metrics\.loss wants a number$/,
  );
  damaged(
    "config.json",
    '{"versions":{"node":20}}',
    /config\.json is not a run's: versions\.node wants a text$/,
  );
  damaged("checkpoints/_metrics.json", "nonsense", /_metrics\.json is damaged/);
});
