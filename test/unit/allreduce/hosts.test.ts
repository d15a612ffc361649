// Ranks that are told they are on several hosts, all in this process: the same bits through memory inside the hosts and
// through sockets alone, on every rank, and as on one host.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProcessGroup } from "../../../src/core/process-group.js";
import { WIRES } from "../../../src/core/process-group.js";
import type { Log } from "../../../src/core/process-log.js";
import { freeTcpEndpoints, withRing } from "../../support/ring.js";

const WAYS = [
  { hosts: [0, 0, 1, 1], way: "shared memory, and sockets between 2 hosts" },
  { hosts: [0, 0, 0, 1], way: "shared memory, and sockets between 2 hosts" },
  { hosts: [5, 2, 2], way: "shared memory, and sockets between 2 hosts" },
  { hosts: [0, 1, 0, 1], way: "shared memory, and sockets between 2 hosts" },
  { hosts: [0, 0, 1, 1, 2], way: "shared memory, and sockets between 3 hosts" },
  { hosts: [0, 1, 2], way: "sockets" },
] as const;

for (const { hosts, way } of WAYS) {
  test(`hosts ${hosts}: equal bits on all ranks, through memory and sockets, and as on one host`, async () => {
    const worldSize = hosts.length;
    const said: string[] = [];
    const log: Log = { info() {}, warn() {}, error() {}, debug: (message) => said.push(message) };
    await withRing(
      worldSize,
      async (spread) => {
        assert.deepEqual(said, Array(worldSize).fill(`all-reduce over ${way}`));
        await withRing(worldSize, (together) =>
          withRing(worldSize, (sockets) => compare([spread, together, sockets]), { transport: "zmq", hosts }),
        );
      },
      { hosts, log },
    );
  });
}

/** Whole, in chunks, and in several pieces a chunk. */
const LENGTHS = [0, 1, 5, 3000, 4097, 20_011, 300_007];
/** Each rank's begin at another place. */
const NUMBERS_APART = 1013;
const NUMBERS = Float32Array.from({ length: 310_000 }, (_, i) => Math.sin(i * 12.9898) * 10 ** ((i % 9) - 6));

async function compare(groups: readonly ProcessGroup[][]): Promise<void> {
  for (const length of LENGTHS) {
    for (const wire of WIRES) {
      for (const op of ["sum", "mean"] as const) {
        const results: Float32Array[] = [];
        for (const ranks of groups) {
          const data = ranks.map(({ rank }) => values(length, rank));
          await Promise.all(ranks.map((group) => group.allReduce(data[group.rank], op, wire)));
          results.push(...data);
        }
        const [first, ...others] = results.map(bytesOf);
        for (const other of others) assert.ok(first.equals(other), `${op} of ${length} as ${wire}`);
      }
    }
  }
}

test("a host whose one rank may not share memory uses sockets, the other host goes on sharing", async () => {
  const said: string[] = [];
  const log: Log = { info() {}, warn() {}, error() {}, debug: (message) => said.push(message) };
  await withRing(
    4,
    async (groups) => {
      assert.deepEqual(said, Array(4).fill("all-reduce over shared memory, and sockets between 3 hosts"));
      await withRing(4, (sockets) => compare([groups, sockets]), { transport: "zmq" });
    },
    (rank) => ({ hosts: [0, 0, 1, 1], log, transport: rank === 1 ? "zmq" : "auto" }),
  );
});

test("over tcp ranks share memory where they are said to be on one host, and not otherwise", async () => {
  for (const [hosts, way] of [
    [[0, 0, 1], "shared memory, and sockets between 2 hosts"],
    [[4, 4, 4], "shared memory"],
    [undefined, "sockets"],
  ] as const) {
    const endpoints = await freeTcpEndpoints(3);
    const said: string[] = [];
    const log: Log = { info() {}, warn() {}, error() {}, debug: (message) => said.push(message) };
    await withRing(
      3,
      async (groups) => {
        assert.deepEqual(said, Array(3).fill(`all-reduce over ${way}`));
        await withRing(3, (sockets) => compare([groups, sockets]), { transport: "zmq" });
      },
      { endpoints, hosts, log },
    );
  }
});

test("over hosts a buffer may be refilled as soon as allReduce resolves", () =>
  withRing(
    4,
    async (groups) => {
      await Promise.all(
        groups.map(async (group) => {
          const data = new Float32Array(20_000);
          for (let round = 0; round < 100; round++) {
            const part = data.subarray(0, round % 2 === 0 ? 20_000 : 100).fill(round + group.rank);
            await group.allReduce(part, "sum");
            assert.ok(part.every((value) => value === 4 * round + 6));
          }
        }),
      );
    },
    { hosts: [0, 0, 0, 1] },
  ));

/** Numbers of both signs and many magnitudes, so that the order of addition shows in the bits. */
function values(length: number, rank: number): Float32Array {
  return NUMBERS.slice(NUMBERS_APART * rank, NUMBERS_APART * rank + length);
}

function bytesOf(data: Float32Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
