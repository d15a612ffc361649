// What a run shows to the outside while it trains: no network address, and sockets that only their user can reach.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { writeBars } from "../support/bars.js";
import { root } from "../support/cli.js";

const work = mkdtempSync(join(tmpdir(), "ddp-open-"));
after(() => rmSync(work, { recursive: true, force: true }));
const skip = existsSync("/proc/net/unix") ? false : "open sockets are read from /proc, which is not here";

test("nothing of a run listens on a network address, and its sockets are in a private folder", {
  skip,
}, async () => {
  const [data, temporary] = [join(work, "data"), join(work, "tmp")];
  writeBars(data, 64, 32);
  mkdirSync(temporary);
  const args = ["--workers", "2", "--dataset", "mnist", "--data-dir", data, "--no-progress"];
  const cli = join(root, "dist/launcher/cli.js");
  const launcher = spawn(
    process.execPath,
    [cli, ...args, "--epochs", "100000", "--logdir", join(work, "run")],
    {
      env: { ...process.env, TMPDIR: temporary, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  const ended = once(launcher, "exit");
  const deadline = setTimeout(() => launcher.kill("SIGKILL"), 60_000);
  try {
    let epochs = 0;
    for await (const line of createInterface({ input: launcher.stdout })) {
      if (!/^\* Epoch /.test(line)) continue;
      const pids = family(launcher.pid!);
      assert.ok(pids.length >= 3, `a launcher and two workers: ${pids}`);
      assert.deepEqual(pids.flatMap(networkSockets), []);
      assertPrivate(pids.flatMap(listeningUnixSockets), temporary);
      if (++epochs === 3) break;
    }
    assert.equal(epochs, 3, "the run was seen training");
  } finally {
    launcher.kill("SIGTERM");
    const [code] = await ended;
    clearTimeout(deadline);
    assert.equal(code, 143);
  }
  assert.deepEqual(readdirSync(temporary), [], "nothing stays behind");
});

test("a listening socket would have been seen", { skip }, async (t) => {
  for (const host of ["127.0.0.1", "0.0.0.0"]) {
    const server = createServer().listen(0, host);
    t.after(() => server.close());
    await once(server, "listening");
  }
  assert.equal(networkSockets(process.pid).length, 2);
  const open = join(work, "open");
  mkdirSync(open, { mode: 0o755 });
  const path = join(open, "socket");
  const server = createServer().listen(path);
  t.after(() => server.close());
  await once(server, "listening");
  assert.deepEqual(listeningUnixSockets(process.pid), [path]);
  assert.throws(() => assertPrivate([path], work), /755/);
  assert.throws(() => assertPrivate(["@abstract"], work));
});

/** One folder below `parent`, its owner's alone. An abstract socket, whose name has no place, would not be below it. */
function assertPrivate(sockets: readonly string[], parent: string): void {
  assert.ok(sockets.length > 0, "the workers' sockets");
  const folders = new Set(sockets.map((path) => dirname(path)));
  assert.equal(folders.size, 1, [...folders].join());
  const [folder] = folders;
  assert.equal(dirname(folder), parent);
  const { mode, uid } = statSync(folder);
  assert.equal((mode & 0o777).toString(8), "700");
  assert.equal(uid, process.getuid?.());
}

/** A process and all that descend from it. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

/** The lines of the kernel's tables for sockets of this process that take what anybody sends: TCP that listens, any UDP. */
function networkSockets(pid: number): string[] {
  const own = inodesOf(pid);
  return ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"].flatMap((table) => {
    const isTcp = table.startsWith("tcp");
    return rowsOf(`/proc/${pid}/net/${table}`)
      .filter((fields) => own.has(fields[9]) && (!isTcp || fields[3] === TCP_LISTEN))
      .map((fields) => `${table} ${fields[1]}`);
  });
}

const TCP_LISTEN = "0A";
/** Flag of a unix socket that accepts connections. */
const UNIX_ACCEPTS = "00010000";

function listeningUnixSockets(pid: number): string[] {
  const own = inodesOf(pid);
  return rowsOf(`/proc/${pid}/net/unix`)
    .filter((fields) => own.has(fields[6]) && fields[3] === UNIX_ACCEPTS)
    .map((fields) => fields[7] ?? "without a name");
}

/** Rows of a table of the kernel, without its head. */
function rowsOf(table: string): string[][] {
  if (!existsSync(table)) return [];
  const [, ...rows] = readFileSync(table, "utf8").trim().split("\n");
  return rows.map((row) => row.trim().split(/\s+/));
}

function inodesOf(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`;
  const links = readdirSync(folder).flatMap((name) => {
    try {
      return readlinkSync(join(folder, name));
    } catch {
      // Closed since the folder was read.
      return [];
    }
  });
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}
