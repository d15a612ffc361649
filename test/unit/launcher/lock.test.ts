// The lock of a log folder: one run at a time, whoever comes first, and a stale one is no obstacle.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
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
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openSocketFolder, removeAbandonedSockets } from "../../../src/launcher/processes/socket-folder.js";
import { takeLock } from "../../../src/launcher/run-folder/lock.js";
import { identify, isRunning } from "../../../src/launcher/run-folder/owner.js";

const home = mkdtempSync(join(tmpdir(), "lock-"));
after(() => rmSync(home, { recursive: true }));
let folder: string;
let path: string;
/** A process that is gone. */
let gone: { pid: number; started: number | null };

before(async () => {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  gone = identify(child.pid!);
  assert.ok(isRunning(gone));
  child.stdin!.end();
  await once(child, "exit");
  assert.ok(!isRunning(gone));
});
beforeEach(() => {
  folder = mkdtempSync(join(home, "folder-"));
  path = join(folder, "lock");
});

function write(owner: object): void {
  writeFileSync(path, JSON.stringify({ ...gone, host: hostname(), workers: [], ...owner }));
}

async function refused(message: string): Promise<void> {
  await assert.rejects(takeLock(path), { name: "UsageError", message });
}

test("a lock tells its owner, refuses a second one, and is gone at the end", async () => {
  const lock = await takeLock(path);
  const inUse = `${folder} is in use by process ${process.pid}: wait until that run is over, or give another --logdir`;
  const here = { ...identify(process.pid), host: hostname() };
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), { ...here, workers: [] });
  assert.equal(lock.replaced, null);
  await refused(inUse);
  lock.setWorkers([process.pid]);
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), { ...here, workers: [identify(process.pid)] });
  await refused(inUse);
  lock.release();
  assert.deepEqual(readdirSync(folder), []);
  (await takeLock(path)).release();
});

test("a lock that another run has taken after a deletion by hand is left to it", async () => {
  const lock = await takeLock(path);
  write({});
  lock.release();
  assert.ok(existsSync(path));
});

test("a stale lock is replaced: the process is gone, or its number is another's by now", async () => {
  write({});
  const lock = await takeLock(path);
  assert.equal(lock.replaced?.pid, gone.pid);
  lock.release();
  if (gone.started === null) return;
  write({ pid: process.pid, started: gone.started });
  const again = await takeLock(path);
  assert.equal(again.replaced?.pid, process.pid);
  again.release();
  assert.deepEqual(readdirSync(folder), []);
});

test("a lock is not stale while a worker of its run lives", async () => {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const worker = identify(child.pid!);
  write({ workers: [gone, worker] });
  const taking = takeLock(path).then((lock) => ({ lock, wasThere: isRunning(worker) }));
  // It has looked for the first time by now.
  child.stdin!.end();
  const { lock, wasThere } = await taking;
  assert.ok(!wasThere);
  assert.equal(JSON.parse(readFileSync(path, "utf8")).pid, process.pid);
  lock.release();
});

test("one who died while replacing a stale lock is replaced as well", async () => {
  write({});
  writeFileSync(`${path}.takeover`, readFileSync(path));
  writeFileSync(`${path}.takeover.takeover`, readFileSync(path));
  const lock = await takeLock(path);
  assert.equal(lock.replaced?.pid, gone.pid);
  assert.deepEqual(readdirSync(folder), ["lock"]);
  lock.release();
});

test("a lock of another host is not judged", async () => {
  write({ host: "elsewhere" });
  await refused(
    `${folder} is in use by process ${gone.pid} on host elsewhere: if that run is over, delete ${path}`,
  );
});

test("what is not a lock is not touched", async () => {
  const contents = ["", "{", "null", "[]", '"x"', '{"pid":0,"started":null,"host":"h","workers":[]}'];
  contents.push('{"pid":1,"started":null,"host":"a b","workers":[]}', '{"pid":1,"started":null,"host":"h"}');
  contents.push('{"pid":1,"started":null,"host":"h","workers":[{}]}', "x".repeat(2 ** 18));
  for (const content of contents) {
    writeFileSync(path, content);
    await refused(`${path} is not a lock of ddp-train: if no run is going on there, delete it`);
    assert.equal(readFileSync(path, "utf8"), content);
  }
});

test("of many processes that find a lock stale at once, exactly one has it", async () => {
  const source = fileURLToPath(new URL("../../../src/launcher/run-folder/lock.ts", import.meta.url));
  // Each takes the lock when all are ready, tells what came of it, and holds it until all have told.
  const script = `
    import { takeLock } from ${JSON.stringify(source)};
    process.on("message", async (message) => {
      if (message === "end") process.exit(0);
      try { await takeLock(message); process.send("taken"); } catch (error) { process.send(error.message); }
    });
    process.send("ready");`;
  const file = join(home, "taker.mjs");
  writeFileSync(file, script);
  const takers = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ["--import", "tsx", file], { stdio: ["ignore", "inherit", "inherit", "ipc"] }),
  );
  const answers = () => Promise.all(takers.map(async (taker) => String((await once(taker, "message"))[0])));
  try {
    await answers();
    for (let round = 0; round < 50; round++) {
      const [place, isStale] = [join(folder, String(round)), round % 5 !== 0];
      mkdirSync(place);
      path = join(place, "lock");
      if (isStale) write({});
      const told = answers();
      for (const taker of takers) taker.send(path);
      const got = (await told).filter((answer) => answer === "taken");
      assert.equal(got.length, 1, `round ${round}: ${await told}`);
      const owner = JSON.parse(readFileSync(path, "utf8")).pid;
      assert.equal(owner, takers[(await told).indexOf("taken")].pid);
      assert.deepEqual(readdirSync(place), ["lock"]);
    }
  } finally {
    for (const taker of takers) taker.send("end");
    await Promise.all(takers.map((taker) => once(taker, "exit")));
  }
});

test("socket folders are removed when their launcher is gone, and only then", () => {
  const parent = mkdtempSync(join(home, "tmp-"));
  const live = openSocketFolder(1, parent);
  const make = (name: string, owner: string | null) => {
    mkdirSync(join(parent, name));
    if (owner !== null) writeFileSync(join(parent, name, "owner"), owner);
  };
  const stale = JSON.stringify({ ...gone, host: hostname() });
  make("ddp-abcdef", stale);
  make("ddp-foreig", null);
  make("ddp-broken", "{");
  make("ddp-toolong", stale);
  make("ddp-elsewh", JSON.stringify({ ...gone, host: "elsewhere" }));
  const before = readdirSync(parent);
  removeAbandonedSockets([parent, join(parent, "none")]);
  assert.deepEqual(
    before.filter((name) => !readdirSync(parent).includes(name)),
    ["ddp-abcdef"],
  );
  live.remove();
});
