// Real runs on a disk that fills up, or under a limit on file sizes: the run says so, and what was saved stays whole.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readCheckpoint } from "../../src/checkpoint/format.js";
import { writeBars } from "../support/bars.js";
import { ddpTrain, type Finished, readSummary, root } from "../support/cli.js";

const work = mkdtempSync(join(tmpdir(), "ddp-damage-"));
const data = join(work, "data");
const common = [
  "--workers",
  "2",
  "--dataset",
  "mnist",
  "--data-dir",
  data,
  "--batch-size",
  "8",
  "--no-progress",
];
before(() => writeBars(data, 64, 32));
after(() => rmSync(work, { recursive: true, force: true }));

test("a limit on file sizes that a later checkpoint exceeds", { skip: withoutLimits() }, async () => {
  const whole = join(work, "whole");
  const args = [...common, "--stages", "freezed", "--epochs", "6"];
  assert.equal((await ddpTrain([...args, "--logdir", whole])).code, 0);
  // Each epoch adds its metrics to the checkpoint's history, so that later ones are larger.
  const sizes = [4, 5, 6].map(
    (epoch) => statSync(join(whole, `checkpoints/freezed.${epoch}.safetensors`)).size,
  );
  const limit = Math.floor(sizes[1] / 512);
  assert.ok(sizes[0] < limit * 512 && limit * 512 < sizes[2], `epochs grow: ${sizes}`);

  const logdir = join(work, "limited");
  const finished = await underLimit(limit, [...args, "--logdir", logdir]);
  assertSaysSo(finished, logdir, /EFBIG|too large/);
});

test("a limit that not even config.json fits into", { skip: withoutLimits() }, async () => {
  const logdir = join(work, "tiny");
  const { code, stderr } = await underLimit(1, [...common, "--logdir", logdir]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /cannot write .*tiny\/config\.json: EFBIG/);
});

test("a full disk", { skip: withoutMount() }, async (t) => {
  const disk = join(work, "disk");
  mkdirSync(disk);
  // A checkpoint of the recipe has 0.42 MB: the first ones fit, and the temporary file of a later one does not.
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1500k", "tmpfs", disk]);
  t.after(() => execFileSync("umount", [disk]));
  const logdir = join(disk, "run");
  const finished = await ddpTrain([...common, "--epochs", "6", "--logdir", logdir]);
  assertSaysSo(finished, logdir, /ENOSPC/);
});

/** The message names what could not be saved; what was saved before is there, whole, and listed. */
function assertSaysSo({ code, signal, stderr }: Finished, logdir: string, reason: RegExp): void {
  assert.deepEqual([code, signal], [1, null], stderr);
  const [said] = stderr.split("\n").filter((line) => line.includes("cannot save checkpoint"));
  assert.ok(said, stderr);
  assert.match(said, reason);
  assert.ok(said.includes(join(logdir, "checkpoints")), said);
  const { status, stages, error } = readSummary(logdir);
  assert.equal(status, "failed");
  assert.match(String(error), /cannot save checkpoint/);

  const folder = join(logdir, "checkpoints");
  const names = readdirSync(folder);
  assert.deepEqual(
    names.filter((name) => name.endsWith(".tmp")),
    [],
  );
  const saved = names.filter((name) => name.endsWith(".safetensors"));
  for (const name of ["best.safetensors", "last.safetensors"]) assert.ok(saved.includes(name), `${saved}`);
  for (const name of saved) readCheckpoint(join(folder, name));
  const { epoch } = readCheckpoint(join(folder, "last.safetensors"));
  assert.ok(epoch >= 1);
  assert.equal(epoch, stages.at(-1)?.epochs.length, "the epochs that are told are those that are saved");
}

/** Runs `ddp-train` with files limited to so many blocks of 512 bytes. */
function underLimit(blocks: number, args: readonly string[]): Promise<Finished> {
  const cli = join(root, "dist/launcher/cli.js");
  const script = `ulimit -f ${blocks}; exec "$0" "$@"`;
  return new Promise((resolve, reject) => {
    const child = spawn("sh", ["-c", script, process.execPath, cli, ...args], {
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 120_000,
      killSignal: "SIGKILL",
    });
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout: "", stderr }));
  });
}

function withoutLimits(): string | false {
  return process.platform === "win32" ? "there is no ulimit here" : false;
}

/** A disk of its own takes root's right to mount. */
function withoutMount(): string | false {
  const probe = mkdtempSync(join(tmpdir(), "ddp-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", probe], { stdio: "ignore" });
    execFileSync("umount", [probe], { stdio: "ignore" });
    return false;
  } catch {
    return "a small tmpfs cannot be mounted here (it takes root)";
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}
