// Groups of some of the ranks, over the same connections: right results, ranks of their own, no mixing up, one end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RingAllReduce } from "../../../src/allreduce/algorithms/ring.js";
import { DdpProcessGroup } from "../../../src/allreduce/group.js";
import { TRANSPORTS } from "../../../src/allreduce/open-group.js";
import { PeerError, UsageError } from "../../../src/core/errors.js";
import type { ProcessGroup } from "../../../src/core/process-group.js";
import { explore } from "../../support/model.js";
import { rejections, withRing } from "../../support/ring.js";

/** The subgroup on each rank of a group, null where a rank is none of it. */
function subgroups(
  groups: readonly ProcessGroup[],
  ranks: readonly number[],
): Promise<(ProcessGroup | null)[]> {
  return Promise.all(groups.map((group) => group.subgroup(ranks)));
}

function members(groups: readonly (ProcessGroup | null)[]): ProcessGroup[] {
  return groups.filter((group) => group !== null);
}

for (const transport of TRANSPORTS) {
  test(`${transport}: the ranks of each host, and one of each, reduce, gather and broadcast by themselves`, () =>
    withRing(
      4,
      async (groups) => {
        for (const ranks of [[0, 1], [2, 3], [0, 2], [1], [0, 1, 3]]) {
          const all = await subgroups(groups, ranks);
          for (const [rank, own] of all.entries()) {
            assert.equal(own?.rank ?? -1, ranks.indexOf(rank));
            assert.equal(own?.worldSize ?? ranks.length, ranks.length);
          }
          await Promise.all(
            members(all).map(async (group) => {
              const runRank = ranks[group.rank];
              for (const length of [5, 30_000]) {
                const data = new Float32Array(length).fill(2 ** runRank);
                await group.allReduce(data, "sum");
                const sum = ranks.reduce((total, rank) => total + 2 ** rank, 0);
                assert.ok(data.every((value) => value === sum));
              }
              const parts = await group.allGather(Uint8Array.of(runRank));
              assert.deepEqual(
                parts.map(([value]) => value),
                ranks,
              );
              const root = ranks.length - 1;
              assert.deepEqual(
                await group.broadcast(Uint8Array.of(runRank), root),
                Uint8Array.of(ranks[root]),
              );
              await group.barrier();
            }),
          );
        }
        await Promise.all(groups.map((group) => group.barrier()));
      },
      { transport, hosts: [0, 0, 1, 1] },
    ));

  test(`${transport}: operations of different groups at the same time do not mix up`, () =>
    withRing(
      4,
      async (groups) => {
        const pairs = await subgroups(groups, [1, 3]);
        const others = await subgroups(groups, [0, 1, 3]);
        await Promise.all(
          groups.map(async (group) => {
            const run = async (each: ProcessGroup | null, sum: number, length: number) => {
              for (let round = 0; each !== null && round < 30; round++) {
                const data = new Float32Array(length).fill(group.rank + round);
                await each.allReduce(data, "sum");
                assert.ok(data.every((value) => value === sum + round * each.worldSize));
                const parts = await each.allGather(Uint8Array.of(round, length & 255));
                for (const part of parts) assert.deepEqual(part, Uint8Array.of(round, length & 255));
              }
            };
            const [pair, other] = [pairs[group.rank], others[group.rank]];
            await Promise.all([run(group, 6, 9000), run(pair, 4, 100), run(other, 4, 20_000)]);
          }),
        );
      },
      { transport },
    ));
}

test("a subgroup of a subgroup is one of the run's ranks, and errors name those", () =>
  withRing(
    4,
    async (groups) => {
      const outer = members(await subgroups(groups, [1, 2, 3]));
      const [two, three] = members(await subgroups(outer, [1, 2]));
      assert.deepEqual([two.rank, three.rank], [0, 1]);
      const data = new Float32Array(3).fill(1);
      const errors = await rejections([two.barrier(), three.allReduce(data, "sum")]);
      for (const { message } of errors) {
        assert.match(message, /rank [23] is in .* among ranks 2,3 \(operation 1\), but rank [23] is in/);
      }
      // One end for all groups.
      assert.deepEqual(await rejections([groups[2].barrier(), outer[1].barrier()]), [errors[0], errors[0]]);
      const [error] = await rejections([groups[0].barrier()]);
      assert.ok(error instanceof PeerError);
      assert.match(error.message, /among ranks 2,3/);
    },
    { transport: "zmq" },
  ));

test("a rank that does not come to an operation of its subgroup is named, with the group", () =>
  withRing(
    3,
    async (groups) => {
      const [one] = members(await subgroups(groups, [1, 2]));
      const [error] = await rejections([one.barrier()]);
      assert.equal(error.message, "rank 1 waited 0.3 s for rank 2 in barrier among ranks 1,2 (operation 1)");
      assert.equal((error as PeerError).silentRank, 2);
    },
    { timeoutSeconds: 0.3, firstTimeoutSeconds: 0.3 },
  ));

test("ranks that make different subgroups are told so; one that makes no sense is the caller's mistake", () =>
  withRing(2, async (groups) => {
    for (const ranks of [[], [2], [-1], [0.5], [1, 0], [0, 0]]) {
      await assert.rejects(groups[0].subgroup(ranks), UsageError, `[${ranks}]`);
    }
    const errors = await rejections([groups[0].subgroup([0]), groups[1].subgroup([0, 1])]);
    for (const { message } of errors) {
      assert.match(message, /rank \d makes a subgroup of ranks [0,1]+, but rank \d one of [0,1]+$/);
    }
  }));

test("closing a subgroup leaves the others; closing the group of all ranks ends them all", () =>
  withRing(2, async (groups) => {
    const all = members(await subgroups(groups, [0, 1]));
    const kept = members(await subgroups(groups, [0, 1]));
    await Promise.all(all.map((group) => group.close()));
    await assert.rejects(all[0].barrier(), /the process group of rank 0 is closed/);
    await Promise.all([...groups, ...kept].map((group) => group.barrier()));
    await Promise.all(groups.map((group) => group.close()));
    await assert.rejects(kept[1].barrier(), /the process group of rank 1 is closed/);
  }));

test("two groups at once, in every order in which messages can arrive: nothing mixes up or deadlocks", async (t) => {
  const { states, executions } = await explore({
    worldSize: 3,
    join: async (link) =>
      DdpProcessGroup.ofAll(
        link,
        { timeoutSeconds: 1 },
        new RingAllReduce({ wholeBytes: 0, pieceValues: 1 }),
      ),
    program: async (group) => {
      const pair = await group.subgroup([0, 2]);
      const sum = async (each: ProcessGroup, expected: number) => {
        const data = new Float32Array(each.worldSize).fill(2 ** group.rank);
        await each.allReduce(data, "sum");
        if (!data.every((value) => value === expected)) throw new Error(`${data} is not ${expected}`);
      };
      await Promise.all([sum(group, 7), pair === null ? null : sum(pair, 5)]);
    },
  });
  t.diagnostic(`${states} states, ${executions} executions`);
  assert.ok(executions > 10);
});
