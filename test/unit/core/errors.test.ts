// The two families of errors, as they are told and as they cross a process boundary.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ExitCode,
  messageOf,
  PeerError,
  RunError,
  serializeError,
  UsageError,
} from "../../../src/core/errors.js";

test("a usage error is one line, whatever it quotes", () => {
  const { message } = new UsageError("no file a\nb \r\n  c\u2028d\u2029e\tf\u001b[31mg\u202eh");
  assert.equal(message, "no file a b c d e\\u{9}f\\u{1b}[31mg\\u{202e}h");
});

test("a usage error that quotes too much leaves out its middle", () => {
  const short = `${"a".repeat(1000)}${"z".repeat(1000)}`;
  assert.equal(new UsageError(short).message, short);
  const long = new UsageError(`${"a".repeat(1000)}m${"z".repeat(1000)}`).message;
  assert.equal(long, `${"a".repeat(1000)} ... ${"z".repeat(1000)}`);
});

test("errors keep their names, causes and families", () => {
  const cause = new Error("why");
  const usage = new UsageError("x", { cause });
  assert.deepEqual([usage.name, usage.cause, usage instanceof RunError], ["UsageError", cause, false]);
  assert.deepEqual([new RunError("x").name, new PeerError("x").name], ["RunError", "PeerError"]);
  assert.ok(new PeerError("x") instanceof RunError);
});

test("an error crosses a process boundary as plain data", () => {
  const usage = serializeError(new UsageError("typed wrong"));
  assert.deepEqual([usage.name, usage.message, usage.usage], ["UsageError", "typed wrong", true]);
  assert.match(usage.stack, /^UsageError: typed wrong\n {4}at .*errors\.test/);
  assert.deepEqual(JSON.parse(JSON.stringify(usage)), usage);
  assert.ok(!("silentRank" in usage));

  const peer = serializeError(new PeerError("rank 3 is silent", 3));
  assert.deepEqual([peer.name, peer.usage, peer.silentRank], ["PeerError", false, 3]);
  assert.equal(serializeError(new PeerError("rank 0 is silent", 0)).silentRank, 0);
  assert.ok(!("silentRank" in serializeError(new PeerError("heard of it"))));
});

test("whatever is thrown has a message", () => {
  for (const [thrown, message] of [
    ["text", "text"],
    [undefined, "undefined"],
    [42, "42"],
    [new TypeError("wrong type"), "wrong type"],
  ] as const) {
    assert.equal(messageOf(thrown), message);
    assert.equal(serializeError(thrown).message, message);
  }
  assert.equal(serializeError("text").name, "Error");
  const bare = Object.assign(new Error("bare"), { stack: undefined });
  assert.equal(serializeError(bare).stack, "Error: bare");
});

test("exit codes are those that scripts rely on", () => {
  assert.deepEqual(ExitCode, { ok: 0, failed: 1, usage: 2, interrupted: 130, terminated: 143 });
});
