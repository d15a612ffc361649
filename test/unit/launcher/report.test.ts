// What a person reads: failures with the root cause first, and the summary.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { failureLine, failureReport, summaryText } from "../../../src/launcher/terminal/report.js";
import { ended, failure, named, where } from "../../fixtures/failures.js";
import { fakeResults } from "../../fixtures/fake-results.js";

test("a failure says who, how and where", () => {
  const line = (change: Parameters<typeof failure>[0]) => failureLine(failure(change));
  assert.equal(line({ end: ended(null, "SIGKILL") }), `rank 1 (pid 123) was killed by SIGKILL ${where}`);
  assert.equal(line({ end: ended(3, null) }), `rank 1 (pid 123) ended with exit code 3 ${where}`);
  assert.equal(line({ end: ended(0, null) }), `rank 1 (pid 123) ended before its work was done ${where}`);
  assert.equal(
    line({ error: named("RangeError", "no") }),
    `rank 1 (pid 123) failed ${where}: RangeError: no`,
  );
  assert.equal(
    line({ end: ended(1, null), position: null }),
    "rank 1 (pid 123) ended with exit code 1 before the first batch",
  );
  const unstarted = { end: ended(null, null, new Error("EAGAIN")), pid: undefined };
  assert.equal(line(unstarted), "rank 1 (pid none) could not be started: EAGAIN");
});

test("the report has the stack of the root cause, and a line for each consequence", () => {
  const stack = "RangeError: first\nsecond\n    at train (a.ts:1:2)\n    at run (b.ts:3:4)";
  const root = failure({
    error: { name: "RangeError", message: "first\nsecond", stack, usage: false },
    lastWords: ["noise"],
  });
  const peer = failure({ rank: 0, pid: 7, at: 1, error: named("PeerError", `gone\n${"x".repeat(500)}`) });
  assert.deepEqual(failureReport([peer, root]).split("\n"), [
    `rank 1 (pid 123) failed ${where}: RangeError: first`,
    "second",
    "    at train (a.ts:1:2)",
    "    at run (b.ts:3:4)",
    "  and then:",
    `    rank 0 (pid 7) failed ${where}: PeerError: gone`,
  ]);
});

test("the report of a silent death shows the last lines of stderr", () => {
  const report = failureReport([
    failure({ end: ended(null, "SIGABRT"), lastWords: ["free(): invalid pointer"] }),
  ]);
  assert.deepEqual(report.split("\n"), [
    `rank 1 (pid 123) was killed by SIGABRT ${where}`,
    "  the last that it wrote:",
    "    free(): invalid pointer",
  ]);
});

test("the summary has a line a stage and says where everything is", () => {
  const summary = {
    status: "completed" as const,
    recipe: "mnist",
    dataset: "digits",
    engine: "wasm",
    world_size: 2,
    restarts: 0,
    wall_seconds: 125.4,
    ...fakeResults,
  };
  assert.deepEqual(summaryText(summary, join(process.cwd(), "logs/x")).split("\n"), [
    "  stage       epochs   valid accuracy   valid loss    time   train samples/s",
    "  freezed          2           0.8400       0.7500   5.0 s            30,000",
    "  unfreezed        1           0.9575       0.1234   2.5 s            30,000",
    "",
    "  best     unfreezed epoch 1, accuracy01 0.9575",
    "           logs/x/checkpoints/best.safetensors",
    "  weights  sha256 0123456789abcdef…",
    "  run      2 workers on wasm, digits, 2 min 5 s",
    "  logs     logs/x",
  ]);
});

test("the summary of a recipe with other metrics and loaders has no made-up numbers", () => {
  const infer = { seconds: 1, samples: 5, samples_per_second: 5, batches_left_out: 0, metrics: {} };
  const stages = [{ stage: "only", epochs: [{ epoch: 1, seconds: 1, infer }] }];
  const summary = {
    ...fakeResults,
    stages,
    best: null,
    status: "completed" as const,
    recipe: "r",
    dataset: "d",
  };
  const text = summaryText({ ...summary, engine: "cpu", world_size: 1, restarts: 0, wall_seconds: 1 }, "/x");
  assert.match(text, /only +1 +- +- +1\.0 s +-$/m);
  assert.match(text, /1 worker on cpu/);
  assert.doesNotMatch(text, /best|NaN|undefined/);
});
