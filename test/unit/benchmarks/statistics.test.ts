// The arithmetic and the tables of `npm run bench`: medians and paired ratios, turns, targets, entries.
import assert from "node:assert/strict";
import { test } from "node:test";
import { insertEntry, publicArguments, renderEntry } from "../../../benchmarks/entry.js";
import { pairedRatios, spread } from "../../../benchmarks/statistics.js";
import { cell, markdownTable, shortNumber } from "../../../benchmarks/table.js";
import type { TrainRun } from "../../../benchmarks/train-runs.js";
import { raceTable, scalingTable } from "../../../benchmarks/train-tables.js";
import { targetRows } from "../../../benchmarks/train-targets.js";
import { takeTurns } from "../../../benchmarks/turns.js";

const run = (freezed: number, unfreezed: number, wallSeconds = 10): TrainRun => ({
  wallSeconds,
  firstStepSeconds: 1,
  peakMegabytes: 299,
  samplesPerSecond: { freezed, unfreezed },
  accuracy: 0.95,
});

test("a spread is the median, the smallest and the largest, in whatever order values come", () => {
  assert.deepEqual(spread([9, 1, 5]), { median: 5, min: 1, max: 9 });
  assert.deepEqual(spread([10, 2, 4, 3]), { median: 3.5, min: 2, max: 10 });
  assert.deepEqual(spread([7]), { median: 7, min: 7, max: 7 });
  assert.throws(() => spread([]), RangeError);
});

test("ratios are taken run by run, not between medians", () => {
  assert.deepEqual(pairedRatios([2, 30], [1, 10]), [2, 3]);
  assert.throws(() => pairedRatios([1], [1, 2]), RangeError);
});

test("numbers keep three digits, cells tell the extremes, and nothing measured is a dash", () => {
  assert.deepEqual([0, 0.12345, 1.005, 12.34, 123.4, 12345.6].map(shortNumber), [
    "0",
    "0.123",
    "1.00",
    "12.3",
    "123",
    "12346",
  ]);
  assert.equal(cell([2, 1, 3], "x"), "2.00x (1.00 to 3.00)");
  assert.equal(cell([2], " s"), "2.00 s");
  assert.equal(cell(null), "-");
});

test("tables are aligned Markdown", () => {
  assert.equal(
    markdownTable([
      ["what", "us"],
      ["a", "1"],
      ["longer", "12345"],
    ]),
    ["| what   |    us |", "| ------ | ----: |", "| a      |     1 |", "| longer | 12345 |"].join("\n"),
  );
});

test("contestants take turns, a round after another", async () => {
  const order: string[] = [];
  const racer = (name: string) => async () => order.push(name);
  const results = await takeTurns({ a: racer("a"), b: racer("b") }, 2);
  assert.deepEqual(order, ["a", "b", "a", "b"]);
  assert.deepEqual(results, { a: [1, 3], b: [2, 4] });
});

test("a race tells how many times better ours is, for samples/s as for seconds", () => {
  const table = raceTable(2, { ours: [run(300, 100, 5)], lean: [run(100, 200, 20)] }, "1.13");
  const ours = (name: string) =>
    table
      .split("\n")
      .find((line) => line.includes(name))
      ?.split("|")[4]
      ?.trim();
  assert.equal(ours("samples/s, freezed"), "3.00x");
  assert.equal(ours("samples/s, unfreezed"), "0.500x");
  assert.equal(ours("whole job"), "4.00x");
});

test("targets are judged by the median, and left out where nothing was measured", () => {
  const runs = new Map([
    [1, { ours: [run(100, 100), run(100, 100), run(100, 100)] }],
    [2, { ours: [run(172, 148), run(100, 148), run(190, 170)], lean: [1, 1, 1].map(() => run(60, 60)) }],
  ]);
  const rows = Object.fromEntries(targetRows(runs).map(([what, ...rest]) => [what, rest]));
  assert.deepEqual(rows["2 workers against twice one, freezed"].slice(-2), ["86.0% (50.0 to 95.0)", "yes"]);
  assert.equal(rows["2 workers against twice one, unfreezed"].at(-1), "no");
  assert.equal(rows["2 workers, freezed, against lean PyTorch"].at(-1), "yes");
  assert.equal(rows["2 workers, unfreezed, against lean PyTorch"].at(-1), "no");
  assert.equal(rows["peak memory a worker, 2 workers"].at(-1), "yes");
  assert.equal(rows["1 worker, freezed, against lean PyTorch"], undefined);
  assert.match(scalingTable(runs)[0], /2 workers .* 86\.0%/);
});

test("the newest entry comes first, and names no folder", () => {
  const document = "# Benchmarks\n\ntext\n\n## Entries\n";
  const once = insertEntry(document, "### one");
  assert.equal(once, "# Benchmarks\n\ntext\n\n## Entries\n\n### one\n");
  assert.equal(insertEntry(once, "### two"), "# Benchmarks\n\ntext\n\n## Entries\n\n### two\n\n### one\n");
  assert.throws(() => insertEntry("# Benchmarks\n", "### one"), /Entries/);

  const argv = ["train", "--data-dir", "/home/me/x", "--dist=/y", "--note", "mine", "--rounds", "2"];
  assert.deepEqual(publicArguments(argv), [
    "train",
    "--data-dir",
    "<folder>",
    "--dist",
    "<folder>",
    "--rounds",
    "2",
  ]);
  const entry = renderEntry(
    "train",
    { body: "the tables", peers: ["peer.py"] },
    {
      date: new Date("2030-01-02T03:04:05Z"),
      commit: "abc1234",
      node: "v20.12.0",
      processor: "a processor",
      cores: 2,
      load: 1.239,
      command: "npm run bench -- train",
      note: "busy",
    },
  );
  assert.match(entry, /^### 2030-01-02 03:04 UTC, abc1234: train\n/);
  assert.match(entry, /2 cores \(a processor\), load average 1\.24/);
  assert.match(entry, /in turns with `peer\.py`\n\n\*\*busy\*\*\n\nthe tables$/);
});
