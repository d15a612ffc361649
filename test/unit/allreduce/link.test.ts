// The link over real sockets: between any two ranks, in order, with wake-ups and failures beside.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Link } from "../../../src/allreduce/transport/link.js";
import { openLink } from "../../../src/allreduce/transport/zmq.js";
import { endpointsIn, freeTcpEndpoints, withFolder } from "../../support/ring.js";

const LONG_MS = 30_000;
const SOON_MS = 10_000;

function withLinks(endpoints: readonly string[], body: (links: Link[]) => Promise<void>): Promise<void> {
  return Promise.all(
    endpoints.map((_, rank) => openLink({ rank, worldSize: endpoints.length, endpoints, token: "secret" })),
  ).then(async (links) => {
    try {
      await body(links);
    } finally {
      for (const link of links) link.close();
    }
  });
}

const part = (sequence: number, step: number) => ({
  group: "",
  sequence,
  operation: "test",
  step,
  payload: new Uint8Array(300).fill(step),
  rest: 0,
});

for (const kind of ["unix sockets", "tcp"]) {
  test(`${kind}: every rank hears every other in order, though many messages are given at once`, () =>
    withFolder(async (folder) => {
      const endpoints = kind === "tcp" ? await freeTcpEndpoints(4) : endpointsIn(folder, 4);
      await withLinks(endpoints, async (links) => {
        // More than zeromq takes in one go.
        const steps = 700;
        const others = (link: Link) => links.filter(({ rank }) => rank !== link.rank);
        const sent = links.flatMap((link) =>
          others(link).flatMap(({ rank }) =>
            Array.from({ length: steps }, (_, step) => link.send(rank, part(0, step))),
          ),
        );
        await Promise.all(sent);
        await Promise.all(
          links.flatMap((link) =>
            others(link).map(async ({ rank }) => {
              for (let step = 0; step < steps; step++) {
                const message = await link.receive(rank, "", LONG_MS);
                assert.equal(message?.step, step);
                assert.deepEqual(message?.payload.at(-1), step & 255);
              }
            }),
          ),
        );
      });
    }));
}

test("a wake-up ends a wait long before its time, from any rank", () =>
  withFolder((folder) =>
    withLinks(endpointsIn(folder, 3), async (links) => {
      const start = performance.now();
      for (const waker of [1, 2]) {
        const wait = links[0].wakeUps.waitForMessageOrWake(LONG_MS);
        links[waker].wakeUps.wake(0);
        await wait;
      }
      assert.ok(performance.now() - start < SOON_MS);
    }),
  ));

test("a failure goes to all ranks at once, not only to the next", () =>
  withFolder((folder) =>
    withLinks(endpointsIn(folder, 4), async (links) => {
      const waits = links.slice(1).map((link) => link.receive((link.rank + 1) % 4, "", LONG_MS));
      links[0].tellFailure("rank 0 broke");
      for (const wait of waits) await assert.rejects(wait, /^PeerError: rank 0 broke$/);
    }),
  ));

test("a closed link ends what is waited for", () =>
  withFolder((folder) =>
    withLinks(endpointsIn(folder, 2), async ([zero]) => {
      const waits = [zero.receive(1, "", LONG_MS), zero.wakeUps.waitForMessageOrWake(LONG_MS)];
      zero.close();
      assert.equal(await waits[0], null);
      await waits[1];
      assert.equal(await zero.receive(1, "", LONG_MS), null);
    }),
  ));
