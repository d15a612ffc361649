// Strangers at the sockets of a real run of three processes: before the ring is closed they knock at rank 1's socket,
// and stay; afterwards nobody gets in. All is dropped and logged, and every sum of the run is right.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Push } from "zeromq";
import { TRANSPORTS } from "../../src/allreduce/open-group.js";
import { Envelopes } from "../../src/allreduce/transport/envelope.js";
import { knock, partOf, untilThere } from "../support/ring.js";
import { TOKEN, withIdleRanks } from "../support/ring-processes.js";
import type { RingReport } from "../support/ring-task.js";

const TASK = { mode: "pause", rounds: 400, length: 1290, timeoutSeconds: 20 } as const;
const TIMEOUT = { timeout: 60_000 };
const CONNECTIONS = 2000;

const GREETING = Buffer.alloc(64);
GREETING.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]);
GREETING.write("NULL", 12);
/** What a client may say that is not, or not quite, ZeroMQ's protocol. */
const NOT_ZEROMQ: readonly Uint8Array[] = [
  new Uint8Array(0),
  Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  new Uint8Array(200).fill(0xff),
  GREETING.subarray(0, 11),
  GREETING,
  Buffer.concat([GREETING, Uint8Array.of(4, 0xff), new Uint8Array(300)]),
  // A command frame that announces 2^63 bytes.
  Buffer.concat([GREETING, Uint8Array.of(6, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)]),
];

for (const transport of TRANSPORTS) {
  test(
    `${transport}: garbage, half handshakes, a second rank 1, replays, another run's messages, large frames`,
    TIMEOUT,
    () =>
      withIdleRanks({ ...TASK, transport }, [0, 1, 2, 1], async ([zero, one, two, second], endpoints) => {
        const path = endpoints[1].slice("ipc://".length);
        const ranks = [zero, one, two].map(({ child }) => child);
        const reports = ranks.map((rank) => reportsOf(rank));
        const exits = ranks.map((rank) => once(rank, "exit"));
        one.start();
        await untilThere(path);

        const raw = await Promise.all(NOT_ZEROMQ.map((bytes) => knock(path, bytes)));
        const [foreign, large, replayer] = [
          strangerAt(endpoints[1]),
          strangerAt(endpoints[1]),
          strangerAt(endpoints[1]),
        ];
        const strangers = await Promise.all([foreign, large, replayer]);
        second.start();
        const [refused] = (await once(second.child, "message")) as [RingReport];
        assert.ok(refused.type === "failed");
        assert.match(refused.error.message, /rank 1 cannot listen on .*was this rank started twice\?/);

        const [foreigner, giant, repeater] = strangers;
        const cutOff = new Promise((resolve) => giant.events.on("disconnect", resolve));
        await giant.send([new Uint8Array(10), new Uint8Array(3_000_000)]);
        await cutOff;
        const payload = new Uint8Array(4 * TASK.length);
        const say = { sender: 0, operation: `allReduce sum of ${TASK.length} values`, payload };
        const hello = { sender: 0, operation: "connect of 3 ranks", payload: payload.subarray(0, 4) };
        const theirs = new Envelopes("another run");
        const ours = new Envelopes(TOKEN);
        for (let sequence = 0; sequence < 50; sequence++) {
          await foreigner.send(theirs.encode(partOf({ ...say, sequence })));
          await foreigner.send(Uint8Array.of(sequence));
        }

        zero.start();
        two.start();
        await Promise.all(reports.map(({ running }) => running));
        await assert.rejects(knock(path, GREETING), /ENOENT/);
        for (let sequence = 1; sequence < 100; sequence++) {
          await repeater.send(ours.encode(partOf({ ...hello, sequence: 0, step: sequence % 4 })));
          // Over shared memory no such message was sent before, and this would be news.
          if (transport === "zmq")
            await repeater.send(ours.encode(partOf({ ...say, sequence, step: sequence % 2 })));
          await repeater.send(ours.encode(partOf({ ...say, sequence: sequence + 300, receiver: 0 })));
        }
        for (const rank of ranks) rank.send("go on");

        assert.deepEqual(await Promise.all(exits), [
          [0, null],
          [0, null],
          [0, null],
        ]);
        assert.deepEqual(reports[0].warnings, []);
        assert.deepEqual(reports[2].warnings, []);
        assert.deepEqual(reports[1].warnings.sort(), [
          "rank 1 dropped a connection that is not ZeroMQ, and will drop others silently",
          "rank 1 dropped a message that is not of this run, and will drop others silently",
          "rank 1 dropped a message that it had before, or not meant for it, and will drop others silently",
        ]);
        for (const socket of raw) socket.destroy();
        for (const stranger of strangers) stranger.close();
      }),
  );
}

test(`${CONNECTIONS} connections that say nothing, and stay`, TIMEOUT, () =>
  withIdleRanks(TASK, [0, 1, 2], async (ranks, endpoints) => {
    const children = ranks.map(({ child }) => child);
    const exits = children.map((child) => once(child, "exit"));
    const running = children.map((child) => reportsOf(child).running);
    const path = endpoints[1].slice("ipc://".length);
    ranks[1].start();
    await untilThere(path);
    const sockets: Socket[] = [];
    while (sockets.length < CONNECTIONS) {
      try {
        sockets.push(await knock(path, new Uint8Array(0)));
      } catch (error) {
        // So many are waiting to be let in that the system takes no more for now.
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      }
    }
    ranks[0].start();
    ranks[2].start();
    await Promise.all(running);
    for (const child of children) child.send("go on");
    assert.deepEqual(await Promise.all(exits), [
      [0, null],
      [0, null],
      [0, null],
    ]);
    for (const socket of sockets) socket.destroy();
  }),
);

/** What a rank reports: its warnings so far, and when it pauses. */
function reportsOf(rank: NodeJS.EventEmitter): { warnings: string[]; running: Promise<void> } {
  const warnings: string[] = [];
  const running = new Promise<void>((resolve, reject) => {
    rank.on("message", (report: RingReport) => {
      if (report.type === "running") resolve();
      if (report.type === "warned") warnings.push(report.message);
      if (report.type === "failed") reject(new Error(report.error.message));
    });
    rank.once("exit", () => reject(new Error("a rank ended before its time")));
  });
  running.catch(() => {});
  return { warnings, running };
}

/** A ZeroMQ socket, connected. */
async function strangerAt(endpoint: string): Promise<Push> {
  const push = new Push({ linger: 0, reconnectInterval: 60_000 });
  const inside = new Promise((resolve) => push.events.on("handshake", resolve));
  push.connect(endpoint);
  await inside;
  return push;
}
