// The command as a process: exit codes, and one line for each mistake.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { folder, ownLines, spawnNode, startCli, useFakeRuns } from "../../fixtures/fake-run.js";

const cli = fileURLToPath(new URL("../../../src/launcher/cli.ts", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "cli-"));
after(() => rmSync(home, { recursive: true }));
useFakeRuns();

const held = join(home, "held");
const damaged = join(home, "damaged");
const mistakes: readonly (readonly [string[], RegExp])[] = [
  [["--gpus", "0"], /^--gpus wants a whole number of at least 1, got "0"$/],
  [["--workers", "-1"], /^--workers wants a whole number of at least 1, got "-1"$/],
  [["--workers", "many"], /^--workers wants a whole number of at least 1, got "many"$/],
  [["--gpus"], /^option '--gpus <n>' argument missing; see ddp-train --help$/],
  [["--gpu", "2"], /^unknown option '--gpu' \(Did you mean --gpus\?\); see ddp-train --help$/],
  [["test"], /^there is no command "test"; try ddp-train train --help$/],
  [["train", "extra"], /^too many arguments.*[^.]; see ddp-train --help$/],
  [["train", "--recipe", "none.ts"], /^--recipe: there is no file \/.*none\.ts$/],
  [["--resume", "nowhere"], /^--resume: there is no run or checkpoint nowhere$/],
  [["--resume", held, "--epochs", "3"], /^a resumed run goes on with its own options: leave --epochs out$/],
  [["--resume", damaged], /damaged\/config\.json: started wants a text, got nothing$/],
  [["--logdir", held], /held holds a run already \(config\.json\): add --overwrite/],
  [["--logdir", join(held, "config.json", "x")], /^--logdir: cannot use .*config\.json\/x \(ENOTDIR/],
];

test("bad input is told in one line, with exit code 2", async () => {
  for (const folder of [held, damaged]) {
    mkdirSync(folder);
    writeFileSync(join(folder, "config.json"), "{}");
  }
  await Promise.all(
    mistakes.map(async ([argv, message]) => {
      const { code, stdout, stderr } = await spawnNode(cli, argv).finished;
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^ddp-train: [^\n]+\n$/);
      assert.match(stderr.slice("ddp-train: ".length, -1), message);
    }),
  );
});

test("help and version", async () => {
  const [help, version] = await Promise.all([
    spawnNode(cli, ["--help"]).finished,
    spawnNode(cli, ["--version"]).finished,
  ]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: ddp-train \[train\] \[options\]/);
  assert.match(help.stdout, /Examples:\n {2}ddp-train /);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

test("exit codes 0, 1 and 2 of runs", async () => {
  const start = (name: string, acts: string[]) =>
    startCli(["train", "--workers", "2", "--logdir", join(folder, name)], acts).finished;
  const good = await start("good", []);
  assert.equal(good.code, 0);
  assert.match(good.stdout, /^trained with GPU ""$/m);
  assert.match(good.stdout, /weights {2}sha256 0123456789abcdef…/);
  const bad = await start("bad", ["wait", "wait,kill"]);
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /^ddp-train: rank 1 \(pid \d+\) was killed by SIGKILL in stage freezed/m);
  const wrong = await start("wrong", ["wait", "usage"]);
  assert.equal(wrong.code, 2);
  assert.deepEqual(ownLines(wrong.stderr), [
    'ddp-train: no stage "thawed"; the recipe has freezed, unfreezed',
  ]);
});
