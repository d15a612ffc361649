// Sorting what has come, without a socket: each message once, in order, to whom waits for it; nothing of others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbox } from "../../../src/allreduce/transport/inbox.js";
import type { Message } from "../../../src/allreduce/transport/message.js";
import { PeerError, RunError } from "../../../src/core/errors.js";
import { partOf } from "../../support/ring.js";

const LONG_MS = 60_000;

/** To rank 1 of 3. */
function message(sender: number, sequence: number, step: number, more: Partial<Message> = {}): Message {
  return partOf({ sender, sequence, step, operation: "barrier", ...more });
}

test("messages of several ranks and groups, in any order of arrival, go to whom waits for them", async () => {
  const inbox = new Inbox(1, 3);
  const early = inbox.take(0, "", LONG_MS);
  assert.ok(inbox.hasWaiters);
  const all = [
    message(2, 0, 0),
    message(2, 0, 1),
    message(0, 5, 0, { group: "3." }),
    message(0, 0, 0),
    message(2, 1, 0),
    message(0, 0, 1),
  ];
  for (const each of all) assert.ok(inbox.put(each));
  assert.ok(!inbox.hasWaiters);
  assert.deepEqual(inbox.unreceived(""), [all[3], all[0]]);
  assert.equal(await early, all[3]);
  assert.equal(await inbox.take(0, "3.", LONG_MS), all[2]);
  for (const expected of [all[0], all[1], all[4]]) assert.equal(await inbox.take(2, "", LONG_MS), expected);
  assert.equal(await inbox.take(0, "", LONG_MS), all[5]);
  assert.equal(await inbox.take(0, "", 1), null);
  assert.deepEqual(inbox.unreceived(""), []);
});

test("what was taken before is a replay, for each sender and group by itself; gaps are for the reader to see", () => {
  const inbox = new Inbox(1, 3);
  assert.ok(inbox.put(message(0, 4, 2)));
  for (const [sequence, step] of [
    [4, 2],
    [4, 1],
    [3, 9],
    [0, 0],
  ]) {
    assert.ok(!inbox.put(message(0, sequence, step)));
  }
  assert.ok(inbox.put(message(2, 0, 0)));
  assert.ok(inbox.put(message(0, 0, 0, { group: "1." })));
  assert.ok(inbox.put(message(0, 4, 3)));
  assert.ok(inbox.put(message(0, 9, 0)));
});

test("a message for another rank, or of one that does not exist: an error at first, later nothing", () => {
  const wrong = [message(0, 7, 0, { receiver: 2 }), message(3, 7, 0), message(1, 7, 0)];
  for (const each of wrong) {
    assert.throws(
      () => new Inbox(1, 3).put(each),
      (error) =>
        error instanceof RunError && /rank 1 of 3 got a message from rank \d to rank \d/.test(error.message),
    );
  }
  const inbox = new Inbox(1, 3);
  inbox.put(message(0, 0, 0));
  for (const each of wrong) assert.ok(!inbox.put(each));
});

test("a wake-up ends a wait for one, now or the next one; a message does too; neither ends another wait", async () => {
  const inbox = new Inbox(1, 3);
  const wake = message(2, 0, 0, { kind: "wake" });
  inbox.put(wake);
  await inbox.takeWake(LONG_MS);
  const first = inbox.takeWake(LONG_MS);
  const taken = inbox.take(0, "", LONG_MS);
  inbox.put(wake);
  await first;
  assert.ok(inbox.hasWaiters);
  const second = inbox.takeWake(LONG_MS);
  inbox.put(message(2, 0, 0));
  await second;
  assert.ok(inbox.hasWaiters);
  inbox.put(message(0, 0, 0));
  assert.equal((await taken)?.sender, 0);
  // Time passes alone.
  await inbox.takeWake(1);
});

test("a failure that is told ends all waits, and those to come, with its words", async () => {
  const inbox = new Inbox(1, 3);
  const waits = [inbox.take(0, "", LONG_MS), inbox.take(2, "1.", LONG_MS), inbox.takeWake(LONG_MS)];
  inbox.put(message(2, 0, 0, { kind: "failure", payload: new TextEncoder().encode("rank 2 broke") }));
  inbox.put(message(0, 0, 0, { kind: "failure", payload: new TextEncoder().encode("so did rank 0") }));
  for (const wait of [...waits, inbox.take(0, "", LONG_MS), inbox.takeWake(LONG_MS)]) {
    await assert.rejects(wait, (error) => error instanceof PeerError && error.message === "rank 2 broke");
  }
});
