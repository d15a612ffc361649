// The command as a process: exit codes, one line for each mistake, and signals.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { setInterval as every } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("../../src/launcher/cli.ts", import.meta.url));
const fakeCli = fileURLToPath(new URL("../fixtures/fake-cli.ts", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "cli-"));
after(() => rmSync(home, { recursive: true }));

function start(script: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const full = { ...process.env, ...env };
  return spawn(process.execPath, ["--import", "tsx", script, ...argv], {
    env: full,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function result(child: ChildProcess) {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, "close"),
  ]);
  return { stdout, stderr, code: code as number | null };
}

const held = join(home, "held");
const mistakes: readonly (readonly [string[], RegExp])[] = [
  [["--gpus", "0"], /^--gpus wants a whole number of at least 1, got "0"$/],
  [["--workers", "-1"], /^--workers wants a whole number of at least 1, got "-1"$/],
  [["--workers", "many"], /^--workers wants a whole number of at least 1, got "many"$/],
  [["--gpus"], /^option '--gpus <n>' argument missing; see ddp-train --help$/],
  [["--gpu", "2"], /^unknown option '--gpu' \(Did you mean --gpus\?\); see ddp-train --help$/],
  [["test"], /^there is no command "test"; try ddp-train train --help$/],
  [["train", "extra"], /^too many arguments.*[^.]; see ddp-train --help$/],
  [["train", "--recipe", "none.ts"], /^--recipe: there is no file \/.*none\.ts$/],
  [["--logdir", held], /held holds a run already \(config\.json\): add --overwrite/],
  [["--logdir", join(held, "config.json", "x")], /^--logdir: cannot use .*config\.json\/x \(ENOTDIR/],
];

test("bad input is told in one line, with exit code 2", { concurrency: 2 }, async (t) => {
  mkdirSync(held);
  writeFileSync(join(held, "config.json"), "{}");
  await Promise.all(
    mistakes.map(([argv, message]) =>
      t.test(argv.join(" ").replaceAll(home, ""), async () => {
        const { code, stdout, stderr } = await result(start(cli, argv));
        assert.equal(code, 2);
        assert.equal(stdout, "");
        assert.match(stderr, /^ddp-train: [^\n]+\n$/);
        assert.match(stderr.slice("ddp-train: ".length, -1), message);
      }),
    ),
  );
});

test("help and version", async () => {
  const [help, version] = await Promise.all([
    result(start(cli, ["--help"])),
    result(start(cli, ["--version"])),
  ]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: ddp-train \[train\] \[options\]/);
  assert.match(help.stdout, /Examples:\n {2}ddp-train /);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

test("exit codes 0, 1 and 2 of runs", async () => {
  const run = (acts: NodeJS.ProcessEnv) => {
    const folder = mkdtempSync(join(home, "run-"));
    const argv = ["train", "--workers", "2", "--logdir", join(folder, "log")];
    return result(start(fakeCli, argv, { FAKE_DIR: folder, ...acts }));
  };
  const good = await run({});
  assert.equal(good.code, 0);
  assert.match(good.stdout, /^trained with GPU ""$/m);
  assert.match(good.stdout, /weights {2}sha256 0123456789abcdef…/);
  const bad = await run({ FAKE_0: "wait", FAKE_1: "kill" });
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /^ddp-train: rank 1 \(pid \d+\) was killed by SIGKILL in stage freezed/m);
  const wrong = await run({ FAKE_0: "wait", FAKE_1: "usage" });
  assert.equal(wrong.code, 2);
  assert.equal(wrong.stderr, 'ddp-train: no stage "thawed"; the recipe has freezed, unfreezed\n');
});

/** A run whose workers wait for ever; resolves when all of them are up. */
async function waitingRun(acts: NodeJS.ProcessEnv) {
  const folder = mkdtempSync(join(home, "run-"));
  const logdir = join(folder, "log");
  const env = { FAKE_DIR: folder, TMPDIR: folder, FAKE_0: "wait", FAKE_1: "wait", ...acts };
  const child = start(fakeCli, ["--workers", "2", "--logdir", logdir], env);
  const finished = result(child);
  const pids: number[] = [];
  for (const rank of [0, 1]) {
    const file = join(folder, `${rank}.pid`);
    for await (const _ of every(10)) if (existsSync(file) && readFileSync(file, "utf8") !== "") break;
    pids.push(Number(readFileSync(file, "utf8")));
  }
  const assertClean = () => {
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("ddp-")),
      [],
    );
    return JSON.parse(readFileSync(join(logdir, "summary.json"), "utf8"));
  };
  return { child, finished, pids, assertClean };
}

for (const [signal, exitCode] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`${signal} ends the run with exit code ${exitCode}, and leaves nothing behind`, async () => {
    const { child, finished, assertClean } = await waitingRun({});
    child.kill(signal);
    const { code, stderr } = await finished;
    assert.equal(code, exitCode);
    assert.equal(stderr, `ddp-train: ${signal}: stopping the workers; once more kills them\n`);
    const summary = assertClean();
    assert.equal(summary.status, "interrupted");
    assert.equal(summary.error, `interrupted by ${signal}`);
  });
}

test("a second signal kills workers that do not listen", async () => {
  const { child, finished, assertClean } = await waitingRun({ FAKE_1: "rude" });
  const start = performance.now();
  let over = false;
  finished.then(() => {
    over = true;
  });
  // A second signal counts half a second after the first: see interruption.ts.
  for await (const _ of every(100)) {
    if (over) break;
    child.kill("SIGINT");
  }
  assert.ok(performance.now() - start < 2500, "sooner than the grace of 3 s");
  assert.equal((await finished).code, 130);
  assertClean();
});

test("workers end when the launcher is killed", async () => {
  const { child, finished, pids } = await waitingRun({ FAKE_0: "rude" });
  child.kill("SIGKILL");
  await finished;
  for (const pid of pids) for await (const _ of every(10)) if (!isAlive(pid)) break;
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
