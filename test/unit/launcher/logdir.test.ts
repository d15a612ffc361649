// The log folder: claimed, refused when it holds a run, emptied of a run and of nothing else.
import assert from "node:assert/strict";
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
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import {
  beginAnew,
  beginRun,
  claimLogdir,
  reclaimLogdir,
  timeStamp,
} from "../../../src/launcher/run-folder/logdir.js";
import { removeRankLogs } from "../../../src/launcher/run-folder/remove-run.js";

const home = process.cwd();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "logdir-"));
});
afterEach(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

/** Creates files; those that a run knows by content get it. */
function put(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), CONTENT[path] ?? "");
  }
}

const CONTENT: Readonly<Record<string, string>> = {
  "config.json": '{"versions":{"ddp-train":"0.1.0"}}',
  "summary.json": '{"status":"failed","weights_sha256":null}',
  "train.csv": "step,loss\n1,0.5\n",
  "report.html": '<!doctype html><meta name="generator" content="ddp-train">',
};

function everything(): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

const RUN = [
  "config.json",
  "summary.json",
  "report.html",
  "train.csv",
  "valid.csv",
  "logs/rank-0.log",
  "logs/rank-11.log",
  "lock.123.tmp",
  "config.json.123.tmp",
  "train.csv.123.tmp",
  "report.html.123.tmp",
  "train/events.out.tfevents.1.host",
  "valid/events.out.tfevents.2.host",
  "checkpoints/freezed.1.safetensors",
  "checkpoints/best.safetensors",
  "checkpoints/last.safetensors",
  "checkpoints/last.safetensors.123.tmp",
  "checkpoints/_metrics.json",
];
const INNOCENT = [
  "notes.txt",
  "training-plan.md",
  "train/picture.png",
  "other/config.json",
  "logs/now/config.json",
];
const FOREIGN = [...INNOCENT, "checkpoints/mine.safetensors"];

test("the default folder is named by the time, and is new even within one second", async () => {
  process.chdir(folder);
  const now = new Date(2026, 10, 23, 4, 20, 5);
  const claims = await Promise.all([1, 2, 3].map(() => claimLogdir(null, false, now)));
  const names = claims.map(({ logdir }) => logdir);
  const logs = join(process.cwd(), "logs");
  assert.deepEqual(
    names,
    ["", "-2", "-3"].map((suffix) => join(logs, `2026-11-23T04-20-05${suffix}`)),
  );
  assert.equal(timeStamp(now), "2026-11-23T04-20-05");
  for (const name of names) assert.deepEqual(readdirSync(name), ["lock"]);
  for (const claim of claims) claim.release();
  assert.deepEqual(readdirSync(logs), [], "a folder in which nothing was done is given back");
});

test("a folder that does not hold a run is taken as it is", async () => {
  put(...INNOCENT);
  const claim = await claimLogdir(folder, false);
  assert.equal(claim.logdir, folder);
  assert.deepEqual(everything(), [...INNOCENT, "lock"].sort());
  claim.release();
  assert.deepEqual(everything(), [...INNOCENT].sort());
  const deep = await claimLogdir(join(folder, "a/b"), false);
  assert.ok(existsSync(join(folder, "a/b/lock")));
  deep.release();
  assert.ok(!existsSync(join(folder, "a/b")));
});

for (const mark of [
  "config.json",
  "summary.json",
  "report.html",
  "valid.csv",
  "checkpoints/last.safetensors",
]) {
  test(`a folder with ${mark} holds a run`, async () => {
    put(mark);
    const message = `${folder} holds a run already (${mark.split("/")[0]}): add --overwrite to replace it, or give another --logdir`;
    await assert.rejects(claimLogdir(folder, false), { name: "UsageError", message });
    assert.deepEqual(everything(), [mark]);
  });
}

test("overwrite removes all that a run leaves and nothing else, once the new run begins", async () => {
  put(...RUN, ...FOREIGN);
  const claim = await claimLogdir(folder, true);
  claim.release();
  assert.deepEqual(everything(), [...RUN, ...FOREIGN].sort());
  removeRankLogs(folder);
  beginRun(folder, {});
  assert.deepEqual(everything(), ["config.json", ...FOREIGN].sort());
  assert.ok(!existsSync(join(folder, "valid")));
});

test("a run that begins anew keeps its configuration until the new one is there", () => {
  put(...RUN, ...FOREIGN);
  beginAnew(folder, { options: {} });
  const logs = RUN.filter((path) => path.startsWith("logs/"));
  assert.deepEqual(everything(), ["config.json", ...logs, ...FOREIGN].sort());
  assert.deepEqual(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")), { options: {} });
});

test("overwrite never touches a file that no run wrote", async () => {
  for (const [name, content] of [
    ["config.json", "{}"],
    ["training-data.csv", "id,label\n"],
    ["report.html", "<p>my own</p>"],
  ] as const) {
    put("valid.csv");
    writeFileSync(join(folder, name), content);
    const message = `${join(folder, name)} was not written by ddp-train and will not be overwritten: give another --logdir`;
    await assert.rejects(claimLogdir(folder, true), { name: "UsageError", message });
    assert.deepEqual(everything(), [name, "valid.csv"].sort());
    rmSync(join(folder, name));
  }
});

test("a folder that cannot be written is refused", async () => {
  put("file");
  const mistake = {
    name: "UsageError",
    message: /^cannot write to the log folder .*: give another --logdir$/,
  };
  await assert.rejects(claimLogdir(join(folder, "file/logs"), false), mistake);
  await assert.rejects(reclaimLogdir(join(folder, "none")), mistake);
});
