// Files that are the old content or the new: what is left when a step fails, and in which order bytes reach the disk.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { linkFileAtomic, writeFileAtomic } from "../../../src/core/atomic-file.js";
import { RunError } from "../../../src/core/errors.js";
import { temporaryFolder } from "../../support/data-files.js";
import { listenToDisk, withoutDescriptors as skip } from "../../support/disk-calls.js";

describe("writeFileAtomic", () => {
  test("writes its parts one after another, over what was there, and leaves nothing else", (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, "a");
    writeFileSync(path, "a much longer content than the new one");
    writeFileAtomic(path, "héllo ", Uint8Array.of(0, 255), "", new Uint8Array(70_000).fill(7));
    const expected = Buffer.concat([Buffer.from("héllo "), Buffer.from([0, 255]), Buffer.alloc(70_000, 7)]);
    assert.ok(readFileSync(path).equals(expected));
    assert.deepEqual(readdirSync(folder), ["a"]);
    writeFileAtomic(path);
    assert.equal(statSync(path).size, 0);
  });

  test("syncs the bytes before they get their name, and then the name", { skip }, (t) => {
    const folder = temporaryFolder(t);
    const calls = listenToDisk(t);
    writeFileAtomic(join(folder, "a"), "x");
    assert.deepEqual(calls, ["sync a.tmp", "rename a.tmp a", `sync ${basename(folder)}`]);
  });

  test("leaves the old content, and nothing else, when it fails", (t) => {
    const folder = temporaryFolder(t);
    // A folder with content cannot be replaced by a file: the last step fails.
    mkdirSync(join(folder, "a/inside"), { recursive: true });
    const failure = (error: unknown) =>
      error instanceof RunError && error.message.startsWith(`cannot write ${join(folder, "a")}: `);
    assert.throws(() => writeFileAtomic(join(folder, "a"), "x"), failure);
    assert.deepEqual(readdirSync(folder), ["a"]);
    assert.deepEqual(readdirSync(join(folder, "a")), ["inside"]);
    assert.throws(() => writeFileAtomic(join(folder, "none/a"), "x"), /cannot write .*none\/a: ENOENT/);
  });
});

describe("linkFileAtomic", () => {
  test("gives one file two names, over what was there, and leaves nothing else", (t) => {
    const folder = temporaryFolder(t);
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    writeFileSync(from, "new");
    writeFileSync(to, "old");
    // Twice: a rename between two names of one file does nothing, and would leave a third.
    for (let i = 0; i < 2; i++) {
      linkFileAtomic(from, to);
      assert.equal(statSync(to).ino, statSync(from).ino);
      assert.deepEqual(readdirSync(folder).sort(), ["from", "to"]);
    }
    assert.equal(readFileSync(to, "utf8"), "new");
  });

  test("syncs the name", { skip }, (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "from"), "x");
    const calls = listenToDisk(t);
    linkFileAtomic(join(folder, "from"), join(folder, "to"));
    assert.deepEqual(calls, ["link from to.tmp", "rename to.tmp to", `sync ${basename(folder)}`]);
  });

  test("leaves the old content when it fails", (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "to"), "old");
    assert.throws(() => linkFileAtomic(join(folder, "none"), join(folder, "to")), /ENOENT/);
    assert.equal(readFileSync(join(folder, "to"), "utf8"), "old");
    assert.deepEqual(readdirSync(folder), ["to"]);
  });
});
