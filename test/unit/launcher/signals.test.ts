// Signals to the command and to its launcher's life: what is saved, what is said, and that nothing is left behind.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { setInterval as every } from "node:timers/promises";
import { fakeProgress } from "../../fixtures/fake-results.js";
import {
  assertClean,
  folder,
  isAlive,
  logdir,
  ownLines,
  readLog,
  startCli,
  traces,
  until,
  untilTraining,
  useFakeRuns,
} from "../../fixtures/fake-run.js";

useFakeRuns();

for (const [signal, exitCode, again] of [
  ["SIGINT", 130, "press Ctrl-C again"],
  ["SIGTERM", 143, "send SIGTERM again"],
  ["SIGHUP", 143, "send SIGHUP again"],
] as const) {
  test(`${signal} ends the run after the batch with exit code ${exitCode}, and says how to go on`, async () => {
    const { child, finished } = startCli(["--workers", "2", "--logdir", logdir], ["wait", "wait"]);
    await untilTraining();
    child.kill(signal);
    const { code, stderr } = await finished;
    assert.equal(code, exitCode);
    assert.deepEqual(ownLines(stderr), [
      `ddp-train: ${signal}: finishing the batch and saving; ${again} to stop at once`,
      `ddp-train: interrupted by ${signal}; to go on: ddp-train --resume ${logdir}`,
    ]);
    assertClean();
    const summary = readLog("summary.json");
    assert.equal(summary.status, "interrupted");
    assert.equal(summary.error, `interrupted by ${signal}`);
    assert.deepEqual(summary.stages, fakeProgress.stages);
    assert.deepEqual(summary.best, fakeProgress.best);
    assert.equal(summary.weights_sha256, null);
  });
}

test("a signal before training ends the run at once, and leaves nothing", async () => {
  const { child, finished } = startCli(["--workers", "2", "--logdir", logdir], ["unprepared", "wait"]);
  await until(() => traces().length === 2);
  child.kill("SIGINT");
  const { code, stderr } = await finished;
  assert.equal(code, 130);
  assert.deepEqual(ownLines(stderr), ["ddp-train: interrupted by SIGINT"]);
  assert.ok(!existsSync(logdir));
});

test("a second signal kills workers that do not listen", async () => {
  const { child, finished } = startCli(["--workers", "2", "--logdir", logdir], ["wait", "rude"]);
  await untilTraining();
  let over = false;
  finished.then(() => {
    over = true;
  });
  // A second signal counts half a second after the first: see interruption.ts.
  for await (const _ of every(100)) {
    if (over) break;
    child.kill("SIGINT");
  }
  const { code, stderr } = await finished;
  assert.equal(code, 130);
  assert.match(stderr, /interrupted by SIGINT; to go on: ddp-train --resume [^\n]+\n$/);
  assert.equal(readLog("summary.json").status, "interrupted");
});

test("a launcher that is killed leaves nothing that the next run does not clear away", async () => {
  const { child, finished } = startCli(["--workers", "2", "--logdir", logdir], ["wait", "orphan"]);
  await untilTraining();
  await until(() => traces().length === 2);
  const [{ pid: zero }, { pid: orphan }] = traces();
  child.kill("SIGKILL");
  await finished;
  await until(() => !isAlive(zero));
  assert.equal(
    readdirSync(folder).filter((name) => name.startsWith("ddp-")).length,
    1,
    "its sockets are there",
  );

  const next = startCli(["--resume", logdir], ["train", "train"]);
  // It waits for the worker that still lives, which might be about to save.
  await until(() => readdirSync(folder).every((name) => !name.startsWith("ddp-")));
  assert.equal(traces().length, 2);
  process.kill(orphan, "SIGKILL");
  const { code, stderr } = await next.finished;
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    new RegExp(`^warning: took over the lock of process ${child.pid}, which is gone$`, "m"),
  );
});

test("of two runs started at once in one folder, exactly one runs", async () => {
  const runs = [0, 1].map(() => startCli(["--logdir", logdir, "--workers", "1"], ["wait"]));
  const loser = await Promise.race(runs.map(async (each) => ({ ...each, ...(await each.finished) })));
  assert.equal(loser.code, 2);
  const winner = runs.find(({ child }) => child !== loser.child)!;
  const message = `ddp-train: ${logdir} is in use by process ${winner.child.pid}: wait until that run is over, or give another --logdir\n`;
  assert.equal(loser.stderr, message);
  await untilTraining();
  for (const argv of [
    ["--overwrite", "--logdir", logdir],
    ["--resume", logdir],
  ]) {
    const { code, stderr } = await startCli(argv).finished;
    assert.deepEqual({ code, stderr }, { code: 2, stderr: message });
  }
  assert.equal(traces().length, 1);
  winner.child.kill("SIGTERM");
  assert.equal((await winner.finished).code, 143);
});
