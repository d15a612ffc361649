// Real runs with a fault on one rank: they end soon, with the right exit code and the root cause in the first line,
// leave no process and no socket behind, and lose nothing.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { readCheckpoint } from "../../src/checkpoint/format.js";
import { writeBars } from "../support/bars.js";
import { type Ended, type RunProcess, withoutProc as skip } from "../support/run-process.js";
import { type PlantedFault, type Results, Trial } from "../support/trial.js";

const work = mkdtempSync(join(tmpdir(), "ddp-faults-"));
const data = join(work, "data");
let trials = 0;
after(() => rmSync(work, { recursive: true, force: true }));

/** What is promised: milliseconds in which all processes of a broken run are gone. */
const SOON = 5000;
/** 12 train batches and 3 valid batches a rank and epoch. */
const WORKERS = 3;
let whole: Results;

before(async () => {
  writeBars(data, 288, 72);
  const trial = newTrial();
  assert.equal((await trial.start().ended).code, 0);
  whole = trial.results();
});

function newTrial(args: readonly string[] = [], workers = WORKERS): Trial {
  return new Trial({ folder: join(work, String(trials++)), data, workers, args });
}

/** The report without the lines that workers wrote before. */
function report({ stderr }: Ended): string[] {
  const lines = stderr.split("\n");
  return lines.slice(lines.findIndex((line) => /^ddp-train: (rank|interrupted)/.test(line)));
}

/** Nothing of the run is left within milliseconds of the fault. */
async function assertGone(run: RunProcess, trial: Trial, limit = SOON): Promise<void> {
  const happened = trial.happened;
  assert.ok(happened, "the fault happened");
  await run.ended;
  const left = await run.gone(happened + limit - Date.now());
  assert.deepEqual(left, [], `left after ${Date.now() - happened} ms`);
}

/** A resumed run ends as one that nothing befell, and leaves nothing either. */
async function assertResumes(trial: Trial, expected: Results = whole): Promise<Ended> {
  const run = trial.resume();
  const ended = await run.ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(trial.results(), expected);
  assert.deepEqual(run.left(), []);
  return ended;
}

describe("a worker dies", { skip }, () => {
  const stack = /^ {4}at .*faulty-recipe\.ts:\d+/m;
  const cases: readonly [PlantedFault, string, RegExp | null, NodeJS.ProcessEnv?][] = [
    [
      { kind: "kill", rank: 1, stage: "freezed", epoch: 2, loader: "train", batch: 5 },
      "was killed by SIGKILL in",
      null,
    ],
    [
      { kind: "abort", rank: 0, stage: "unfreezed", epoch: 1, loader: "valid", batch: 2 },
      "was killed by SIGABRT in",
      /abort \(.*faulty-recipe\.ts:\d+/,
    ],
    [
      { kind: "memory", rank: 1, stage: "freezed", epoch: 1, loader: "valid", batch: 1 },
      "was killed by SIGABRT in",
      /JavaScript heap out of memory/,
      { NODE_OPTIONS: "--max-old-space-size=100" },
    ],
    [
      { kind: "throw", rank: 2, stage: "unfreezed", epoch: 2, loader: "train", batch: 12 },
      "failed in",
      stack,
    ],
    [{ kind: "throw", rank: 0, stage: "freezed", epoch: 1, loader: "valid", batch: 3 }, "failed in", stack],
    [
      { kind: "exit", rank: 2, stage: "unfreezed", epoch: 1, loader: "train", batch: 1 },
      "ended with exit code 7 in",
      null,
    ],
  ];
  for (const [fault, how, words, env] of cases) {
    const { kind, rank, stage, epoch, loader, batch } = fault;
    const where = `stage ${stage}, epoch ${epoch}, ${loader} batch ${batch}`;
    test(`${kind} on rank ${rank} in ${where}`, async () => {
      const trial = newTrial();
      const run = trial.start(fault, env);
      const ended = await run.ended;
      await assertGone(run, trial, kind === "memory" ? 4 * SOON : SOON);
      assert.deepEqual([ended.code, ended.signal], [1, null], ended.stderr);
      assert.deepEqual(run.left(), []);
      const [line, ...more] = report(ended);
      const message = kind === "throw" ? ": RangeError: planted by the test" : "";
      assert.equal(line, `ddp-train: rank ${rank} (pid ${trial.pidOf(rank)}) ${how} ${where}${message}`);
      if (words !== null) assert.match(more.join("\n"), words);
      assert.match(more.at(-2) ?? "", /^ {2}(to go on: ddp-train --resume|logs: )/);
      const { status, error } = trial.summary;
      assert.deepEqual([status, error], ["failed", line.slice("ddp-train: ".length)]);
    });
  }

  test("an unhandled rejection is a failure of its rank, with its own stack", async () => {
    const trial = newTrial();
    const run = trial.start({
      kind: "reject",
      rank: 1,
      stage: "freezed",
      epoch: 2,
      loader: "train",
      batch: 3,
    });
    const ended = await run.ended;
    await assertGone(run, trial);
    assert.equal(ended.code, 1);
    const [line, ...more] = report(ended);
    assert.match(
      line,
      /^ddp-train: rank 1 \(pid \d+\) failed in stage freezed, epoch 2, (train|valid) batch \d+: RangeError: planted/,
    );
    assert.match(more.join("\n"), stack);
  });
});

describe("a worker hangs", { skip }, () => {
  const cases: readonly PlantedFault[] = [
    { kind: "stop", rank: 2, stage: "freezed", epoch: 1, loader: "train", batch: 4 },
    { kind: "loop", rank: 0, stage: "unfreezed", epoch: 2, loader: "valid", batch: 1 },
  ];
  for (const fault of cases) {
    const { kind, rank, stage, epoch, loader, batch } = fault;
    test(`${kind} on rank ${rank} of 4: the first line names it and the operation`, async () => {
      const trial = newTrial(["--timeout", "2"], 4);
      const run = trial.start(fault);
      const ended = await run.ended;
      await assertGone(run, trial, 2000 + SOON);
      assert.deepEqual([ended.code, run.left()], [1, []], ended.stderr);
      const [line, ...more] = report(ended);
      const where = `stage ${stage}, epoch ${epoch}, ${loader} batch ${batch}`;
      const start = `ddp-train: rank ${rank} (pid ${trial.pidOf(rank)}) did not answer in ${where}: `;
      assert.equal(line.slice(0, start.length), start);
      const operation = loader === "train" ? "allReduce mean of \\d+ values" : "allGather";
      const what = new RegExp(
        `^rank \\d waited 2 s for rank ${rank} in ${operation} \\(operation \\d+\\); .*--timeout`,
      );
      assert.match(line.slice(start.length), what);
      assert.equal(more[0], "  and then:");
      assert.match(more[1], /^ {4}rank \d \(pid \d+\) failed .*: PeerError: rank \d waited 2 s for rank \d/);
    });
  }
});

describe("the launcher is killed", { skip }, () => {
  for (const kind of ["kill launcher", "kill launcher and loop"] as const) {
    test(`${kind}: the workers end, and the next start clears up and goes on`, async () => {
      const trial = newTrial();
      const run = trial.start({ kind, rank: 1, stage: "unfreezed", epoch: 1, loader: "train", batch: 6 });
      const ended = await run.ended;
      assert.equal(ended.signal, "SIGKILL");
      await assertGone(run, trial);
      assert.equal(run.left().length, 1, "the folder of its sockets");
      const owner = JSON.parse(readFileSync(join(trial.logdir, "lock"), "utf8")) as { readonly pid: number };
      const { stderr } = await assertResumes(trial);
      assert.match(stderr, new RegExp(`took over the lock of process ${owner.pid}, which is gone`));
    });
  }
});

describe("the run is interrupted", { skip }, () => {
  const place = { rank: 1, stage: "unfreezed", epoch: 1, loader: "train", batch: 6 };
  const cases: readonly [PlantedFault, number, NodeJS.Signals][] = [
    [{ kind: "SIGINT", ...place }, 130, "SIGINT"],
    [{ kind: "SIGTERM to all", ...place, loader: "valid", batch: 2 }, 143, "SIGTERM"],
  ];
  for (const [fault, code, signal] of cases) {
    test(`${fault.kind} in ${fault.loader}: ends after the batch, saved, and goes on`, async () => {
      const trial = newTrial();
      const run = trial.start(fault);
      const ended = await run.ended;
      await assertGone(run, trial);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(
        report(ended)[0],
        new RegExp(`^ddp-train: interrupted by ${signal}; to go on: ddp-train --resume`),
      );
      const { status, error } = trial.summary;
      assert.deepEqual([status, error], ["interrupted", `interrupted by ${signal}`]);
      assert.deepEqual(run.left(), []);
      const { stage, epoch, midEpoch } = readCheckpoint(join(trial.logdir, "checkpoints/last.safetensors"));
      // The batch in which the rank was told; what there was of valid is done again.
      const batches = fault.loader === "train" ? fault.batch : 0;
      assert.deepEqual([stage, epoch, midEpoch?.batches ?? null], [fault.stage, fault.epoch, batches]);
      await assertResumes(trial);
    });
  }

  test("a second signal ends at once, whatever a worker does", async () => {
    const trial = newTrial();
    const run = trial.start({ kind: "SIGINT and loop", ...place });
    await run.line(/SIGINT: finishing the batch and saving; press Ctrl-C again to stop at once/);
    // Signals within half a second of the first count as one with it.
    const again = setInterval(() => run.signal("SIGINT"), 100);
    const ended = await run.ended;
    clearInterval(again);
    await assertGone(run, trial);
    assert.equal(ended.code, 130, ended.stderr);
    assert.deepEqual(run.left(), []);
    assert.equal(trial.summary.status, "interrupted");
    await assertResumes(trial);
  });
});

test("--max-restarts: a run that a fault befell ends as one that nothing befell", { skip }, async () => {
  const trial = newTrial(["--max-restarts", "2", "--checkpoint-every", "3"]);
  const run = trial.start({ kind: "kill", rank: 2, stage: "unfreezed", epoch: 1, loader: "train", batch: 8 });
  const { code, stderr } = await run.ended;
  assert.equal(code, 0, stderr);
  assert.ok(trial.happened);
  assert.match(
    stderr,
    /rank 2 \(pid \d+\) was killed by SIGKILL in stage unfreezed, epoch 1, train batch 8; restart 1 of 2, from .*last/,
  );
  assert.equal(trial.summary.restarts, 1);
  assert.deepEqual(trial.results(), whole);
  assert.deepEqual([await run.gone(SOON), run.left()], [[], []]);
});

describe("a loss that is not a number", { skip }, () => {
  const fault = { kind: "nan", rank: 1, stage: "freezed", epoch: 1, loader: "train", batch: 7 } as const;
  const said = 'the loss of rank 1 is NaN in stage "freezed", epoch 1, train batch 7';

  /** The samples in the log of the rank whose loss it was: indices into the whole training set. */
  function assertSamplesLogged(trial: Trial): void {
    const { samples } = trial.log(1).find(({ what, value }) => what === "loss" && value === "NaN") as {
      samples: number[];
    };
    assert.equal(new Set(samples).size, 8);
    assert.ok(samples.every((index) => index >= 0 && index < 288));
  }

  test("ends the run by default", async () => {
    const trial = newTrial();
    const run = trial.start(fault);
    const ended = await run.ended;
    await assertGone(run, trial);
    assert.deepEqual([ended.code, run.left()], [1, []]);
    const [line, ...more] = report(ended);
    assert.ok(line.includes(said), line);
    assert.equal(
      more.filter((other) => other.includes(said)).length,
      2,
      "the other ranks saw it in the same step",
    );
    assertSamplesLogged(trial);
  });

  test("is left out with --on-nan skip", async () => {
    const trial = newTrial(["--on-nan", "skip"]);
    const { code, stderr } = await trial.start(fault).ended;
    assert.equal(code, 0, stderr);
    assertSamplesLogged(trial);
    assert.ok(trial.log(0).some(({ level, message }) => level === "warn" && String(message).includes(said)));
    const { weights_sha256, status } = trial.results();
    assert.equal(status, "completed");
    assert.notEqual(weights_sha256, whole.weights_sha256);
  });
});
