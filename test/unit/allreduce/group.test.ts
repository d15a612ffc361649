// All ranks in one process: the collectives' results, bit for bit, for every small world and awkward length.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { WHOLE_BYTES } from "../../../src/allreduce/algorithms/ring.js";
import { TRANSPORTS } from "../../../src/allreduce/open-group.js";
import { MAX_MESSAGE_BYTES } from "../../../src/allreduce/transport/message.js";
import type { ProcessGroup, ReduceOp } from "../../../src/core/process-group.js";
import { sumOverRanks } from "../../../src/core/process-group.js";
import type { Log } from "../../../src/core/process-log.js";
import { withRing } from "../../support/ring.js";

const WORLD_SIZES = [1, 2, 3, 4];
const WHOLE_VALUES = WHOLE_BYTES / 4;
/** More than one piece per chunk with four ranks. */
const MANY_PIECES = 300007;

for (const worldSize of WORLD_SIZES) {
  test(`allReduce over ${worldSize} ranks: sum and mean of any length, the same bits everywhere and over ZeroMQ`, () =>
    withRing(worldSize, async (groups) => {
      await withRing(
        worldSize,
        async (groupsOfZeroMQ) => {
          const lengths = [0, 1, worldSize - 1, worldSize, worldSize + 1, 101, 4097, 101770, MANY_PIECES];
          for (const length of [...lengths, WHOLE_VALUES, WHOLE_VALUES + 1]) {
            for (const op of ["sum", "mean"] as const) {
              const inputs = groups.map(({ rank }) => values(length, rank));
              const outputs = await allReduce(groups, inputs, op);
              assertClose(outputs[0], inputs, op);
              // Determinism: the same inputs give the same bits again.
              const again = await allReduce(groups, inputs, op);
              const overZeroMQ = await allReduce(groupsOfZeroMQ, inputs, op);
              for (const output of [...outputs, ...again, ...overZeroMQ]) {
                assert.deepEqual(bytes(output), bytes(outputs[0]), `${op} of ${length}`);
              }
            }
          }
        },
        { transport: "zmq" },
      );
    }));

  test(`broadcast over ${worldSize} ranks: any root, any length, known to the root only`, () =>
    withRing(worldSize, async (groups) => {
      for (const length of [0, 1, 127, 128, 129, 70000, MAX_MESSAGE_BYTES, 2 * MAX_MESSAGE_BYTES + 1]) {
        for (let root = 0; root < worldSize; root++) {
          const sent = pattern(length, root);
          const results = await Promise.all(
            groups.map((group) => group.broadcast(group.rank === root ? sent : pattern(3, 9), root)),
          );
          for (const result of results) assert.deepEqual(result, sent);
        }
      }
    }));

  test(`allGather over ${worldSize} ranks: lengths may differ, also 0`, () =>
    withRing(worldSize, async (groups) => {
      for (const length of [0, 1, 200, 40000, MAX_MESSAGE_BYTES]) {
        const results = await Promise.all(
          groups.map((group) => group.allGather(pattern(length * group.rank, group.rank))),
        );
        for (const parts of results) {
          assert.deepEqual(
            parts,
            groups.map(({ rank }) => pattern(length * rank, rank)),
          );
        }
      }
      const sums = await Promise.all(
        groups.map((group) => sumOverRanks(group, Float64Array.of(2 ** 40 + group.rank, 1))),
      );
      const ranksSum = (worldSize * (worldSize - 1)) / 2;
      for (const sum of sums) assert.deepEqual([...sum], [worldSize * 2 ** 40 + ranksSum, worldSize]);
    }));
}

// The zero-copy trap: a buffer refilled while zeromq still reads it changes what the peers receive.
for (const transport of TRANSPORTS) {
  for (const length of [1290, WHOLE_VALUES, 20000]) {
    test(`${transport}: a buffer of ${length} values may be refilled as soon as allReduce resolves`, () =>
      withRing(
        3,
        async (groups) => {
          const wrong = await Promise.all(
            groups.map(async (group) => {
              const data = new Float32Array(length);
              let count = 0;
              for (let round = 0; round < 300; round++) {
                data.fill(round + group.rank);
                await group.allReduce(data, "sum");
                if (data.some((value) => value !== 3 * round + 3)) count++;
              }
              return count;
            }),
          );
          assert.deepEqual(wrong, [0, 0, 0]);
        },
        { transport },
      ));
  }
}

test("auto shares memory, which has no name; one rank that may not makes all use sockets", async () => {
  for (const [transports, way] of [
    [["auto", "auto"], "shared memory"],
    [["auto", "zmq"], "sockets"],
    [["zmq", "auto"], "sockets"],
    [["zmq", "zmq"], "sockets"],
  ] as const) {
    const said: string[] = [];
    const log: Log = { info() {}, warn() {}, error() {}, debug: (message) => said.push(message) };
    await withRing(
      2,
      async (groups) => {
        assert.deepEqual(said, Array(2).fill(`all-reduce over ${way}`));
        const sums = await allReduce(groups, [values(5000, 0), values(5000, 1)], "sum");
        assert.deepEqual(bytes(sums[0]), bytes(sums[1]));
        assert.deepEqual(filesInMemory(), []);
      },
      (rank) => ({ transport: transports[rank], log }),
    );
  }
});

test("ranks over shared memory may be late by more than they look for, and do other things in between", () =>
  withRing(3, async (groups) => {
    await Promise.all(
      groups.map(async (group) => {
        for (let round = 0; round < 30; round++) {
          const late = round % 3 === group.rank;
          for (let turn = 0; late && turn < 500; turn++)
            await new Promise((resolve) => setImmediate(resolve));
          const data = new Float32Array(round * 400).fill(round + group.rank);
          await group.allReduce(data, "sum");
          assert.ok(data.every((value) => value === 3 * round + 3));
          // The root goes on at once: its bytes come while the others still wait for memory.
          const sent = new Uint8Array(3_000_000).fill(round);
          assert.deepEqual(await group.broadcast(sent, round % 3), sent);
        }
      }),
    );
  }));

test("bytes given and bytes returned belong to the caller at once", () =>
  withRing(3, async (groups) => {
    for (let round = 0; round < 50; round++) {
      await Promise.all(
        groups.map(async (group) => {
          const own = Buffer.alloc(5000, round + group.rank);
          const parts = await group.allGather(own);
          own.fill(255);
          parts.forEach((part, rank) => {
            assert.deepEqual(part, new Uint8Array(5000).fill(round + rank));
            part.fill(254);
          });
          const sent = Buffer.alloc(5000, round);
          const received = await group.broadcast(sent, 1);
          sent.fill(253);
          assert.deepEqual(received, new Uint8Array(5000).fill(round));
          received.fill(252);
        }),
      );
    }
  }));

test("allReduce works on a view into a larger buffer, and leaves the rest alone", () =>
  withRing(2, async (groups) => {
    for (const length of [10, 20000]) {
      const results = await Promise.all(
        groups.map(async (group) => {
          const whole = new Float32Array(length + 2).fill(-1);
          const view = whole.subarray(1, length + 1).fill(group.rank + 1);
          await group.allReduce(view, "mean");
          return whole;
        }),
      );
      for (const whole of results) {
        assert.deepEqual(whole.slice(1, length + 1), new Float32Array(length).fill(1.5));
        assert.deepEqual([whole[0], whole[length + 1]], [-1, -1]);
      }
    }
  }));

test("operations asked for at once run one after another, in the order asked", () =>
  withRing(3, async (groups) => {
    await Promise.all(
      groups.map(async (group) => {
        const first = new Float32Array(2000).fill(1);
        const second = new Float32Array(20000).fill(2);
        const [, , , parts] = await Promise.all([
          group.allReduce(first, "sum"),
          group.barrier(),
          group.allReduce(second, "sum"),
          group.allGather(Uint8Array.of(group.rank)),
        ]);
        assert.deepEqual([first[0], second[0]], [3, 6]);
        assert.deepEqual(
          parts.map((part) => part[0]),
          [0, 1, 2],
        );
      }),
    );
  }));

test("nobody leaves a barrier before everybody has come", () =>
  withRing(4, async (groups) => {
    const events: string[] = [];
    await Promise.all(
      groups.map(async (group) => {
        // Ranks come one after another: each waits for a token that the one before hands on.
        for (let turn = 0; turn < group.rank; turn++) await new Promise((resolve) => setImmediate(resolve));
        events.push("in");
        await group.barrier();
        events.push("out");
      }),
    );
    assert.deepEqual(events, ["in", "in", "in", "in", "out", "out", "out", "out"]);
  }));

async function allReduce(
  groups: readonly ProcessGroup[],
  inputs: readonly Float32Array[],
  op: ReduceOp,
): Promise<Float32Array[]> {
  const data = inputs.map((input) => input.slice());
  await Promise.all(groups.map((group) => group.allReduce(data[group.rank], op)));
  return data;
}

/** Numbers of both signs and many magnitudes, so that the order of addition shows in the bits. */
function values(length: number, rank: number): Float32Array {
  return Float32Array.from(
    { length },
    (_, i) => Math.sin(i * 12.9898 + rank * 78.233) * 10 ** ((i + rank) % 7),
  );
}

/** Each of W - 1 additions and the scaling may round once, by 2^-24 of a number no larger than the magnitudes' sum. */
function assertClose(actual: Float32Array, inputs: readonly Float32Array[], op: ReduceOp): void {
  const scale = op === "mean" ? 1 / inputs.length : 1;
  for (let i = 0; i < actual.length; i++) {
    let sum = 0;
    let magnitude = 0;
    for (const input of inputs) {
      sum += input[i];
      magnitude += Math.abs(input[i]);
    }
    const error = Math.abs(actual[i] - sum * scale);
    assert.ok(
      error <= inputs.length * 2 ** -24 * magnitude * scale,
      `${op}: ${actual[i]} at ${i}, not ${sum * scale}`,
    );
  }
}

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) & 255);
}

function bytes(data: Float32Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** What shared memory that had a name would be called. */
function filesInMemory(): string[] {
  return existsSync("/dev/shm")
    ? readdirSync("/dev/shm").filter((name) => /^ddp-[0-9a-f]{24}$/.test(name))
    : [];
}
