// What the progress callback shows: lines where standard output is no terminal, a bar that fills where it is one.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { ProgressCallback } from "../../../src/callbacks/progress.js";
import { fakeContext, type GivenContext } from "../../support/fake-context.js";

const SECOND = 1000;

/** A callback with standard output and the clock in the test's hand. */
function watched(t: TestContext, { isTTY }: { readonly isTTY: boolean }) {
  const written: string[] = [];
  let now = 0;
  const { stdout } = process;
  const before = Object.getOwnPropertyDescriptor(stdout, "isTTY");
  Object.defineProperty(stdout, "isTTY", { value: isTTY, configurable: true, writable: true });
  t.after(() => {
    if (before) Object.defineProperty(stdout, "isTTY", before);
    else Reflect.deleteProperty(stdout, "isTTY");
  });
  const own = stdout.write;
  // Only while a hook runs: between them the test runner itself writes there.
  const during = (hook: () => void) => {
    stdout.write = (text) => written.push(String(text)) > 0;
    t.mock.method(performance, "now", () => now);
    try {
      hook();
    } finally {
      stdout.write = own;
      t.mock.restoreAll();
    }
  };
  const callback = new ProgressCallback();
  const loader: GivenContext = {
    options: { progress: true, verbosity: "normal" },
    group: { rank: 0 },
    counters: { stageEpochStep: 2 },
    stageLen: 3,
    loaderKey: "train",
  };
  return {
    written,
    /** The loader starts, with so many batches. */
    start: (length: number, changes: GivenContext = {}) =>
      during(() => callback.onLoaderStart(fakeContext({ ...loader, loader: { length }, ...changes }))),
    /** Batch `index` (from 0) of `length` ends, so many seconds after the one before. */
    batch: (index: number, length: number, seconds: number, changes: GivenContext = {}) => {
      now += seconds * SECOND;
      const batchMetrics = { loss: 0.123456, a: 1, b: 2, c: 3 };
      const context = { ...loader, loader: { length }, batchIndex: index, batchMetrics, ...changes };
      during(() => callback.onBatchEnd(fakeContext(context)));
    },
    end: () => during(() => callback.onLoaderEnd()),
  };
}

test("a line at most every ten seconds, which counts the batches that are done", (t) => {
  const { written, start, batch, end } = watched(t, { isTTY: false });
  start(8);
  for (let i = 0; i < 8; i++) batch(i, 8, 5);
  end();
  const metrics = "loss: 0.1235 | a: 1.000 | b: 2.000";
  assert.deepEqual(written, [
    `2/3 * Epoch (train) 25% 2/8 | ${metrics}\n`,
    `2/3 * Epoch (train) 50% 4/8 | ${metrics}\n`,
    `2/3 * Epoch (train) 75% 6/8 | ${metrics}\n`,
    `2/3 * Epoch (train) 100% 8/8 | ${metrics}\n`,
  ]);
});

test("the ten seconds count from the loader's start, and anew from each line", (t) => {
  const { written, start, batch } = watched(t, { isTTY: false });
  start(5);
  batch(0, 5, 9);
  batch(1, 5, 4);
  batch(2, 5, 9);
  start(5);
  batch(0, 5, 9);
  assert.deepEqual(
    written.map((line) => line.slice(0, line.indexOf(" |"))),
    ["2/3 * Epoch (train) 40% 2/5"],
  );
});

test("nothing on other ranks, with --no-progress, or with --quiet, terminal or not", (t) => {
  for (const isTTY of [false, true]) {
    const { written, start, batch, end } = watched(t, { isTTY });
    for (const changes of [
      { group: { rank: 1 } },
      { options: { progress: false, verbosity: "normal" } },
      { options: { progress: true, verbosity: "quiet" } },
    ] satisfies GivenContext[]) {
      start(2, changes);
      batch(0, 2, 60, changes);
      batch(1, 2, 60, changes);
      end();
    }
    assert.deepEqual(written, []);
  }
});

test("on a terminal a bar fills to its end, and goes away with the loader", (t) => {
  const { written, start, batch, end } = watched(t, { isTTY: true });
  const shown = () => stripVTControlCharacters(written.splice(0).join(""));
  start(4);
  assert.match(shown(), /2\/3 \* Epoch \(train\) ░{24} 0% 0\/4 \|/);
  const bars = [];
  for (let i = 0; i < 4; i++) {
    batch(i, 4, 1);
    bars.push(shown());
  }
  end();
  const last = bars.join("") + shown();
  assert.match(last, /█{24} 100% 4\/4 \| loss: 0\.1235 \| a: 1\.000 \| b: 2\.000 \|/);
  // After it the next line has the terminal to itself: no timer of the bar's goes on drawing.
  const handles = process.getActiveResourcesInfo().filter((name) => name === "Timeout");
  assert.deepEqual(handles, []);
});
