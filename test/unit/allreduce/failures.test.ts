// What a ring does when ranks disagree, stay away or stop, and when strangers talk to it: an error that names who and
// where on every rank, soon, or no effect at all; never a wrong sum.
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { Packr } from "msgpackr";
import { Push } from "zeromq";
import {
  type ConnectOptions,
  connectProcessGroup,
  type Transport,
} from "../../../src/allreduce/open-group.js";
import { Envelopes } from "../../../src/allreduce/transport/envelope.js";
import { PeerError, RunError, UsageError } from "../../../src/core/errors.js";
import type { ProcessGroup } from "../../../src/core/process-group.js";
import type { Log } from "../../../src/core/process-log.js";
import { endpointsIn, partOf, rejections, untilListening, withFolder, withRing } from "../../support/ring.js";

/** Far below the 30 s deadline of `withRing`: an error this soon was found, not waited for. */
const SOON_MS = 10_000;

test("ranks in different operations: an error that names both, on every rank, without waiting", () =>
  withRing(3, async ([zero, one, two]) => {
    const start = performance.now();
    const data = new Float32Array(10);
    const errors = await rejections([zero.allReduce(data, "sum"), one.barrier(), two.allReduce(data, "sum")]);
    assert.ok(performance.now() - start < SOON_MS, "waited for a deadline");
    const finder = errors.find((error) => error.name === "RunError");
    assert.ok(finder instanceof RunError, "no rank found the disagreement itself");
    for (const { message } of errors) {
      assert.match(message, /rank \d is in .* \(operation 1\), but rank \d is in .* \(operation 1\)/);
      assert.match(message, /barrier/);
      assert.match(message, /allReduce sum of 10 values/);
    }
    // The group is over: later operations reject with the first cause.
    assert.deepEqual(await rejections([zero.barrier(), zero.allReduce(data, "sum")]), [errors[0], errors[0]]);
  }));

for (const [first, second] of [
  [7, 8],
  [0, 5],
  [100, 100_000],
  [100_000, 100_001],
]) {
  test(`allReduce of ${first} and of ${second} values: an error that names both lengths`, () =>
    withRing(2, async ([zero, one]) => {
      const errors = await rejections([
        zero.allReduce(new Float32Array(first), "mean"),
        one.allReduce(new Float32Array(second), "mean"),
      ]);
      for (const { message } of errors) {
        assert.match(message, new RegExp(`allReduce mean of ${first} values`));
        assert.match(message, new RegExp(`allReduce mean of ${second} values`));
      }
    }));
}

test("sum on one rank and mean on the other, or another root, is an error too", async () => {
  await withRing(2, async ([zero, one]) => {
    const data = new Float32Array(3);
    const [error] = await rejections([zero.allReduce(data, "sum"), one.allReduce(data, "mean")]);
    assert.match(error.message, /allReduce (sum|mean) .* allReduce (sum|mean)/);
  });
  await withRing(2, async ([zero, one]) => {
    await Promise.all([zero.broadcast(Uint8Array.of(1), 0), one.broadcast(Uint8Array.of(2), 1)]);
    const errors = await rejections([zero.barrier(), one.barrier()]);
    assert.match(errors[0].message, /barrier \(operation 2\).* broadcast from rank 1 \(operation 1\)/);
  });
});

test("a rank that never answers is named, with the operation, when the deadline passes", () =>
  withRing(
    3,
    async ([zero, , two]) => {
      const start = performance.now();
      const data = new Float32Array(5);
      const errors = await rejections([zero.allReduce(data, "sum"), two.allReduce(data, "sum")]);
      const milliseconds = performance.now() - start;
      assert.ok(milliseconds >= 300 && milliseconds < SOON_MS, `after ${milliseconds} ms`);
      for (const error of errors) assert.ok(error instanceof PeerError, error.name);
      // Both deadlines pass together, and either may hear of the other's first.
      assert.match(
        errors[1].message,
        /^rank [02] waited 0\.3 s for rank 1 in allReduce sum of 5 values \(operation 1\)/,
      );
    },
    { timeoutSeconds: 0.3, firstTimeoutSeconds: 0.3 },
  ));

test("until the first all-reduce is done ranks have longer: 5 times as long, or what is asked for", async () => {
  for (const [given, seconds] of [
    [{ timeoutSeconds: 0.1 }, "0.5"],
    [{ timeoutSeconds: 0.1, firstTimeoutSeconds: 0.4 }, "0.4"],
  ] as const) {
    await withRing(
      2,
      async ([zero]) => {
        const [{ message }] = await rejections([zero.barrier()]);
        assert.equal(message, `rank 0 waited ${seconds} s for rank 1 in barrier (operation 1)`);
      },
      given,
    );
  }
  await withRing(
    2,
    async (groups) => {
      await Promise.all(groups.map((group) => group.allReduce(new Float32Array(1), "sum")));
      const [{ message }] = await rejections([groups[0].barrier()]);
      assert.equal(message, "rank 0 waited 0.2 s for rank 1 in barrier (operation 2)");
    },
    { timeoutSeconds: 0.2, firstTimeoutSeconds: 30 },
  );
});

test("connecting: a rank that does not come is named when the deadline passes", () =>
  withFolder(async (folder) => {
    const alone = connectProcessGroup(options(folder, { timeoutSeconds: 0.2 }));
    await assert.rejects(alone, (error) => {
      assert.ok(error instanceof PeerError, String(error));
      assert.match(error.message, /^rank 0 waited 0\.2 s for rank 1 in connect of 2 ranks/);
      return true;
    });
  }));

test("connecting: ranks with different secrets do not hear each other", () =>
  withFolder(async (folder) => {
    const errors = await rejections([
      connectProcessGroup(options(folder, { timeoutSeconds: 0.3, token: "ours" })),
      connectProcessGroup(options(folder, { timeoutSeconds: 0.3, token: "theirs", rank: 1 })),
    ]);
    for (const error of errors) assert.match(error.message, /rank \d waited 0\.3 s for rank \d in connect/);
  }));

test("connecting: ranks that disagree about the world size are told so", () =>
  withFolder(async (folder) => {
    const endpoints = endpointsIn(folder, 3);
    const errors = await rejections([
      connectProcessGroup(
        options(folder, { worldSize: 2, endpoints: endpoints.slice(0, 2), timeoutSeconds: 1 }),
      ),
      connectProcessGroup(options(folder, { worldSize: 3, endpoints, rank: 1 })),
    ]);
    assert.match(errors.map(({ message }) => message).join(), /connect of 3 ranks .* connect of 2 ranks/);
  }));

test("connecting: an endpoint that cannot be listened on is named", () =>
  withFolder(async (folder) => {
    const endpoints = [`ipc://${folder}/missing/0.sock`, `ipc://${folder}/1.sock`];
    await assert.rejects(
      connectProcessGroup(options(folder, { endpoints })),
      /rank 0 cannot listen on ipc:.*missing/,
    );
  }));

test("connecting: options that make no sense are the caller's mistake", () =>
  withFolder(async (folder) => {
    for (const mistake of [
      { rank: 2 },
      { rank: -1 },
      { worldSize: 0 },
      { worldSize: 2.5 },
      { endpoints: [] },
      { timeoutSeconds: 0 },
      { timeoutSeconds: Number.POSITIVE_INFINITY },
      { firstTimeoutSeconds: 0 },
      { transport: "pigeon" as Transport },
      { hosts: [0] },
      { hosts: [0, -1] },
      { hosts: [0, 0.5] },
      { firstTimeoutSeconds: Number.NaN },
    ]) {
      await assert.rejects(
        connectProcessGroup(options(folder, mistake)),
        UsageError,
        JSON.stringify(mistake),
      );
    }
  }));

test("messages of strangers and replays are dropped, reported once a kind, and change no number", () =>
  withFolder(async (folder) => {
    const warnings: string[] = [];
    const log: Log = { debug() {}, info() {}, error() {}, warn: (message) => warnings.push(message) };
    // Over shared memory nobody has sent the sums that are replayed here.
    const given = options(folder, { log, transport: "zmq" });
    const one = connectProcessGroup({ ...given, rank: 1 });
    // Before rank 0 is there: after that, nobody else gets in.
    const stranger = new Push({ linger: 0, reconnectInterval: 5 });
    const inside = new Promise((resolve) => stranger.events.on("handshake", resolve));
    stranger.connect(given.endpoints[1]);
    await inside;
    const groups = await Promise.all([connectProcessGroup(given), one]);
    for (const endpoint of given.endpoints) {
      await assert.rejects(once(connect(endpoint.slice("ipc://".length)), "connect"), /ENOENT/);
    }
    const packr = new Packr({ useRecords: false });
    const forged = (run: unknown) =>
      packr.pack([run, 0, 0, 1, "", 1, "allReduce sum of 500 values", 0, 2000, 0]);
    const ours = new Envelopes(given.token);
    const payload = new Uint8Array(2000);
    const sum = { sender: 0, sequence: 1, operation: "allReduce sum of 500 values" };
    const garbage: (Uint8Array | Uint8Array[])[] = [
      Uint8Array.of(),
      Uint8Array.of(0xc1, 0xff, 0xdd, 0xff, 0xff, 0xff, 0xff),
      [forged("not the run"), payload],
      [forged(null), payload],
      [packr.pack("failed"), new Uint8Array(10)],
      [packr.pack([]), new Uint8Array(0)],
      [Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff), new Uint8Array(1)],
      [new Uint8Array(5000).fill(0x91), new Uint8Array(1)],
      [forged(1), new Uint8Array(1), new Uint8Array(1)],
      new Uint8Array(1_000_000).fill(7),
      // Seen before; of this rank, and of one that does not exist; meant for another rank.
      ours.encode(partOf({ sender: 0, sequence: 0, operation: "connect of 2 ranks" })),
      ours.encode(partOf({ ...sum, payload })),
      ours.encode(partOf({ ...sum, payload, sender: 1, sequence: 1e6 })),
      ours.encode(partOf({ sender: 7, sequence: 9, operation: "barrier" })),
      ours.encode(partOf({ ...sum, payload, receiver: 0, sequence: 1e6 })),
    ];
    let sent = 0;
    for (let round = 0; round < 200 || warnings.length < 2; round++) {
      const data = groups.map(({ rank }) => new Float32Array(500).fill(rank + round));
      await Promise.all(groups.map((group) => group.allReduce(data[group.rank], "sum")));
      for (const sum of data) assert.deepEqual(sum, new Float32Array(500).fill(2 * round + 1));
      if (sent < 3 * garbage.length) await stranger.send(garbage[sent++ % garbage.length]);
    }
    assert.deepEqual(warnings.sort(), [
      "rank 1 dropped a message that is not of this run, and will drop others silently",
      "rank 1 dropped a message that it had before, or not meant for it, and will drop others silently",
    ]);
    stranger.close();
    await Promise.all(groups.map((group) => group.close()));
  }));

test("a second process of one rank is told so, and leaves the first one's place alone", () =>
  withFolder(async (folder) => {
    const one = connectProcessGroup(options(folder, { rank: 1 }));
    await untilListening(`${folder}/1.sock`);
    await assert.rejects(
      connectProcessGroup(options(folder, { rank: 1 })),
      /rank 1 cannot listen on ipc:.*: another process does; was this rank started twice\?/,
    );
    const groups = await Promise.all([connectProcessGroup(options(folder)), one]);
    await Promise.all(groups.map((group) => group.close()));
  }));

test("a socket's name that a killed process left behind is taken over", () =>
  withFolder(async (folder) => {
    const given = options(folder);
    writeFileSync(given.endpoints[0].slice("ipc://".length), "");
    const groups = await Promise.all([
      connectProcessGroup(given),
      connectProcessGroup({ ...given, rank: 1 }),
    ]);
    await Promise.all(groups.map((group) => group.close()));
  }));

test("strangers do not move the deadline", () =>
  withFolder(async (folder) => {
    const stranger = new Push({ linger: 0, reconnectInterval: 5, sendHighWaterMark: 2 });
    const given = options(folder, { timeoutSeconds: 0.5 });
    stranger.connect(given.endpoints[0]);
    let talking = true;
    const talk = (async () => {
      while (talking) await stranger.send("hello");
    })().catch(() => {});
    const start = performance.now();
    await assert.rejects(connectProcessGroup(given), /rank 0 waited 0\.5 s for rank 1/);
    assert.ok(performance.now() - start < SOON_MS, "the deadline moved");
    talking = false;
    stranger.close();
    await talk;
  }));

test("an aborted signal ends what is under way with its reason, and the other ranks hear of it", async () => {
  const abort = new AbortController();
  const reason = new Error("interrupted by the test");
  await withRing(
    3,
    async ([zero, one, two]) => {
      const pending = rejections([zero.barrier(), one.barrier()]);
      abort.abort(reason);
      // Rank 2 was not in an operation, and hears of it in its next one.
      const errors = [...(await pending), ...(await rejections([two.barrier()]))];
      assert.equal(errors[0], reason);
      for (const { message } of errors) assert.equal(message, reason.message);
    },
    (rank) => (rank === 0 ? { signal: abort.signal } : {}),
  );
});

test("a closed group rejects; closing twice is fine; a rank that goes on alone is told who closed", () =>
  withRing(2, async ([zero, one]) => {
    const [, error] = await Promise.all([zero.close(), rejections([one.barrier()])]);
    assert.match(error[0].message, /barrier \(operation 1\).* close \(operation 1\)|close .* barrier/);
    await zero.close();
    assert.match((await rejections([zero.barrier()]))[0].message, /closed|close/);
  }));

test("close waits until the others have what was sent to them", () =>
  withRing(3, async ([zero, one, two]) => {
    const events: string[] = [];
    const large = new Uint8Array(1_000_000);
    const took = async (group: ProcessGroup) => {
      await group.broadcast(large);
      events.push("received");
    };
    await zero.broadcast(large);
    const closed = zero.close().then(() => events.push("closed"));
    await took(one);
    await took(two);
    await Promise.all([closed, one.close(), two.close()]);
    assert.deepEqual(events, ["received", "received", "closed"]);
  }));

test("a group of one closes too", () =>
  withRing(1, async ([only]) => {
    await only.close();
    await only.close();
    await assert.rejects(only.barrier(), /the process group of rank 0 is closed/);
  }));

test("broadcast from a root that does not exist is the caller's mistake, and harmless", () =>
  withRing(2, async (groups) => {
    await assert.rejects(groups[0].broadcast(new Uint8Array(1), 2), UsageError);
    await Promise.all(groups.map((group) => group.barrier()));
  }));

function options(folder: string, more: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    rank: 0,
    worldSize: 2,
    endpoints: endpointsIn(folder, 2),
    token: "secret",
    timeoutSeconds: 30,
    ...more,
  };
}
