// --max-restarts: after a fault the whole group starts again, from what this run has saved.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fakeProgress, fakeResults } from "../../fixtures/fake-results.js";
import { logdir, readLog, run, traces, until, useFakeRuns } from "../../fixtures/fake-run.js";

useFakeRuns();

const last = () => join(logdir, "checkpoints/last.safetensors");
const starts = () => traces().filter(({ init }) => init.rank === 0);

test("a run survives faults before and after its first checkpoint", async () => {
  const acts = ["wait,save-kill,train", "kill,wait,train"];
  const { summary, stderr } = await run(acts, { maxRestarts: "2" });
  assert.equal(summary?.status, "completed");
  assert.equal(summary.restarts, 2);
  assert.deepEqual(summary.stages, fakeResults.stages);
  assert.deepEqual(readLog("summary.json"), summary);
  assert.deepEqual(
    starts().map(({ init }) => init.resume),
    [null, null, last()],
  );
  assert.equal(new Set(starts().map(({ init }) => init.token)).size, 3);
  assert.equal(new Set(starts().flatMap(({ init }) => init.endpoints)).size, 6);
  const loud = stderr.split("\n").filter((line) => /^warning: rank/.test(line));
  assert.match(loud[0], /^warning: rank 1 .* SIGKILL in stage .*; restart 1 of 2, from the beginning$/);
  assert.match(loud[1], /^warning: rank 0 .* SIGKILL in stage .*; restart 2 of 2, from .*last\.safetensors$/);
  assert.equal(readLog("config.json").resumed, undefined);
});

test("when restarts run out, the first failure and the last are told, and the epochs are kept", async () => {
  const { error } = await run(["save-kill,wait", "wait,throw"], { maxRestarts: "1" });
  assert.equal(error?.name, "RunError");
  const lines = error.message.split("\n");
  assert.match(lines[0], /^rank 0 \(pid \d+\) was killed by SIGKILL in stage freezed/);
  const after = lines.indexOf("  after 1 restart:");
  assert.match(lines[after + 1], /^ {2}rank 1 \(pid \d+\) failed in .*: RangeError: the loss is NaN$/);
  assert.equal(lines.at(-2), `  logs: ${logdir}`);
  assert.equal(lines.at(-1), `  to go on: ddp-train --resume ${logdir}`);
  const summary = readLog("summary.json");
  assert.equal(summary.status, "failed");
  assert.match(summary.error!, /^rank 0 .* SIGKILL/);
  assert.equal(summary.restarts, 1);
  assert.deepEqual(summary.stages, fakeProgress.stages);
});

test("a failed run without a checkpoint has nothing to go on from", async () => {
  const { error } = await run(["kill"]);
  assert.equal(error!.message.split("\n").at(-1), `  logs: ${logdir}`);
});

test("the caller's mistake is not tried again", async () => {
  const { error } = await run(["refuse"], { maxRestarts: "3" });
  assert.equal(error?.name, "UsageError");
  assert.equal(traces().length, 1);
});

test("a restart that is refused tells the fault first", async () => {
  const { error } = await run(["save-kill,refuse"], { maxRestarts: "3" });
  assert.equal(error?.name, "RunError");
  assert.match(
    error.message,
    /^rank 0 .* SIGKILL[\s\S]*\n {2}after 1 restart:\n {2}last\.safetensors is damaged/,
  );
  assert.equal(traces().length, 2);
});

test("data that changes under a running job ends it", async () => {
  const changed = { FAKE_DATA: '{"sha256":{"train":"a"}}', FAKE_DATA_2: '{"sha256":{"train":"b"}}' };
  const { error } = await run(["save-kill,train"], { maxRestarts: "3" }, changed);
  assert.match(
    error!.message,
    /SIGKILL[\s\S]*\n {2}the data has changed: train is not what the run was trained on/,
  );
});

test("an interruption is not a fault", async () => {
  const stop = new AbortController();
  const running = run(["save-kill,wait"], { maxRestarts: "9" }, {}, { stop: stop.signal });
  await until(() => traces().length === 2);
  stop.abort("SIGINT");
  const { error } = await running;
  assert.equal(error?.name, "Interrupted");
  assert.equal(traces().length, 2);
  assert.equal(readLog("summary.json").restarts, 1);
});

test("a run that replaces another does not go on from that one's checkpoint", async () => {
  await run(["train"]);
  // Dies before it has begun: the earlier run is still there, whole.
  const { summary } = await run(["train,crash-unprepared,train"], { overwrite: true, maxRestarts: "1" });
  assert.equal(summary?.restarts, 1);
  assert.deepEqual(
    starts().map(({ init }) => init.resume),
    [null, null, null],
  );
});

test("a run that was resumed from another checkpoint is restarted from that one", async () => {
  await run(["save-kill"]);
  const best = join(logdir, "checkpoints/best.safetensors");
  mkdirSync(join(logdir, "checkpoints"), { recursive: true });
  writeFileSync(best, "");
  const { summary } = await run(["save-kill,kill,save-kill,train"], { resume: best, maxRestarts: "2" });
  assert.equal(summary?.restarts, 2);
  assert.deepEqual(
    starts().map(({ init }) => init.resume),
    [null, best, best, last()],
  );
});
