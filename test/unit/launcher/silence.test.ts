// A worker that hangs when no rank waits for it in a collective any more.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLog, run, useFakeRuns } from "../../fixtures/fake-run.js";

useFakeRuns();

const late =
  /^rank (\d) \(pid \d+\) did not answer in stage freezed, epoch 2, train batch 117: another rank was done 1 s ago; .*--timeout/;

for (const silent of [0, 1]) {
  test(`rank ${silent} hangs between the last barrier and its end`, async () => {
    const acts = ["train", "train"].map((act, rank) => (rank === silent ? "wait" : act));
    const { error } = await run(acts, { timeout: "1" });
    assert.equal(error?.name, "RunError");
    const [line] = error.message.split("\n");
    assert.equal(late.exec(line)?.[1], String(silent), line);
    assert.equal(readLog("summary.json").status, "failed");
  });
}
