// Whole runs with fake workers, as real processes: success, and every way to fail. After each, no worker and no
// socket folder is left.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { logdir, readLog, run, useFakeRuns } from "../../fixtures/fake-run.js";

useFakeRuns();

test("a run that completes returns its summary, and writes it beside its configuration", async () => {
  const { summary, error, stdout, stderr } = await run(["train", "train", "train"]);
  assert.equal(error, null);
  assert.equal(summary!.status, "completed");
  assert.equal(summary!.world_size, 3);
  assert.equal(summary!.dataset, "digits");
  assert.equal(summary!.engine, "wasm");
  assert.deepEqual(readLog("summary.json"), summary);

  const config = readLog("config.json");
  assert.equal(config.world_size, 3);
  assert.equal(config.options.batch_size, 32);
  assert.equal(config.options.logdir, logdir);
  assert.deepEqual(config.data, { dataset: "digits" });
  assert.deepEqual(config.stages, ["freezed", "unfreezed"]);
  assert.equal(config.versions.node, process.versions.node);
  assert.equal(config.versions.zeromq, "6.8.0");

  assert.match(
    stdout,
    /^training on the CPU: no GPU was found\n3 workers on wasm \(fake\)\n {2}cuda skipped: no NVIDIA GPU found\ndata is ready\n/,
  );
  assert.match(stdout, /^trained with GPU ""$/m);
  assert.match(stdout, /^\[rank 1\] trained with GPU ""$/m);
  assert.match(stdout, /unfreezed +1 +0\.9575/);
  const remarks = stderr.split("\n").filter((line) => line.startsWith("[rank"));
  assert.deepEqual(
    remarks.sort(),
    [0, 1, 2].map((rank) => `[rank ${rank}] a library's remark`),
  );
});

test("quiet leaves the workers' words and nothing else", async () => {
  const { stdout } = await run(["train"], { quiet: true });
  assert.equal(stdout, 'trained with GPU ""\n');
});

test("each worker gets a GPU of its own, and as many workers are started as there are GPUs", async () => {
  const env = { FAKE_PROBE_auto: "cuda", FAKE_GPUS: "2", CUDA_VISIBLE_DEVICES: "5,6" };
  const { summary, stdout } = await run([], { workers: undefined }, env);
  assert.equal(summary!.world_size, 2);
  assert.match(stdout, /^trained with GPU "5"$/m);
  assert.match(stdout, /^\[rank 1\] trained with GPU "6"$/m);
});

test("GPUs that were asked for and are not there are missed loudly", async () => {
  const { stdout, stderr, summary } = await run([], { workers: undefined, gpus: "2" });
  assert.equal(summary!.world_size, 2);
  assert.match(
    stderr,
    /^warning: --gpus 2, but no GPU was found: 2 workers will train on the CPU, engine wasm$/m,
  );
  assert.match(stdout + stderr, /cuda skipped: no NVIDIA GPU found$/m);
});

test("a worker that is killed ends the run, and the report says where it was", async () => {
  const { error, stderr } = await run(["wait", "kill", "wait"]);
  assert.equal(error!.name, "RunError");
  assert.match(
    error!.message,
    /^rank 1 \(pid \d+\) was killed by SIGKILL in stage freezed, epoch 2, train batch 117\n {2}the last that it wrote:\n {4}out of luck\n {2}logs: /,
  );
  assert.match(stderr, /^\[rank 1\] out of luck$/m);
  const summary = readLog("summary.json");
  assert.equal(summary.status, "failed");
  assert.match(summary.error!, /^rank 1 .* SIGKILL/);
  assert.equal(summary.weights_sha256, null);
});

test("an exception on one rank ends the run with its stack; what others say later is a consequence", async () => {
  const { error } = await run(["wait", "throw", "lost"]);
  const lines = error!.message.split("\n");
  assert.match(
    lines[0],
    /^rank 1 \(pid \d+\) failed in stage freezed, epoch 2, train batch 117: RangeError: the loss is NaN$/,
  );
  assert.match(lines[1], /^ {4}at .*fake-worker/);
  const then = lines.indexOf("  and then:");
  assert.match(lines[then + 1], /^ {4}rank 2 \(pid \d+\) failed .*: PeerError: allReduce: rank 1 is gone$/);
  assert.match(lines[then + 2], /^ {2}logs: /);
});

test("a worker that leaves without being done is a failure", async () => {
  const { error } = await run(["wait", "quit"]);
  assert.match(error!.message, /^rank 1 \(pid \d+\) ended before its work was done/);
});

test("a worker that does not listen is killed, and all are gone within five seconds", async () => {
  const start = performance.now();
  const { error } = await run(["rude", "throw"]);
  assert.match(error!.message, /^rank 1 .*RangeError/);
  assert.ok(performance.now() - start < 10_000, "start-up and 5 s");
});

test("the caller's mistake that a worker finds is told as such, and leaves no log folder", async () => {
  const { error } = await run(["usage", "wait"]);
  assert.equal(error!.name, "UsageError");
  assert.equal(error!.message, 'no stage "thawed"; the recipe has freezed, unfreezed');
  assert.ok(!existsSync(logdir));
});

test("a mistake does not cost the run that would have been overwritten", async () => {
  const { summary } = await run(["train"]);
  const { error } = await run(["usage"], { overwrite: true });
  assert.equal(error!.name, "UsageError");
  assert.deepEqual(readLog("summary.json"), summary);
});

test("a crash after the work was done does not lose the run", async () => {
  const { summary, stderr } = await run(["train", "crash-after-done"]);
  assert.equal(summary!.status, "completed");
  assert.match(stderr, /^warning: rank 1 was done, but ended with exit code 9$/m);
});

test("a log folder that holds a run is refused before anything starts", async () => {
  await run(["train"]);
  const { error, stdout } = await run(["train"]);
  assert.equal(error!.name, "UsageError");
  assert.match(error!.message, /holds a run already \(\w+/);
  assert.equal(stdout, "");
  const { summary } = await run(["train"], { overwrite: true });
  assert.deepEqual(readLog("summary.json"), summary);
});
