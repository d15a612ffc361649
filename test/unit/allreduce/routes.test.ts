// The way of chunks over hosts, without a socket: every layout of up to 6 ranks on up to 3 hosts, and larger ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chunkReceived, chunkSent, phaseSteps } from "../../../src/allreduce/algorithms/chunks.js";
import { routeOf, type Task, tasksOf } from "../../../src/allreduce/algorithms/routes.js";
import { groupByHost, type RanksByHost } from "../../../src/allreduce/shared-memory/hosts.js";

const ranksOf = (hosts: RanksByHost) => Array.from({ length: hosts.flat().length }, (_, rank) => rank);

/** The host of each rank, in every way. */
function layouts(worldSize: number, hosts: number): number[][] {
  if (worldSize === 0) return [[]];
  return layouts(worldSize - 1, hosts).flatMap((rest) =>
    Array.from({ length: hosts }, (_, host) => [...rest, host]),
  );
}

const LAYOUTS = [
  ...[1, 2, 3, 4, 5, 6].flatMap((worldSize) => layouts(worldSize, Math.min(worldSize, 3))),
  [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3],
  [0, 0, 0, 0, 0, 1, 1, 1, 2],
].map(groupByHost);

test("hosts are told by their first ranks, whatever their numbers", () => {
  assert.deepEqual(groupByHost([7, 7, 3, 7, 3, 0]), [[0, 1, 3], [2, 4], [5]]);
  assert.deepEqual(groupByHost([]), []);
});

test("every rank is added once, from the chunk's on round the ring, by a rank of its host", () => {
  for (const hosts of LAYOUTS) {
    for (const chunk of ranksOf(hosts)) {
      const route = routeOf(hosts, chunk);
      const added = route.flatMap((stop) => stop.added);
      assert.deepEqual(
        added,
        ranksOf(hosts).map((step) => (chunk + step) % added.length),
      );
      for (const { carrier, added } of route) {
        const host = hosts.find((ranks) => ranks.includes(carrier));
        assert.ok(added.every((rank) => host?.includes(rank)));
      }
    }
  }
});

test("the finished sum comes to every host once, and nothing is sent within a host", () => {
  for (const hosts of LAYOUTS) {
    for (const chunk of ranksOf(hosts)) {
      const carriers = routeOf(hosts, chunk).map(({ carrier }) => carrier);
      const hostAt = carriers.map((carrier) => hosts.findIndex((ranks) => ranks.includes(carrier)));
      assert.ok(hostAt.every((host, stop) => host !== hostAt[stop + 1]));
      assert.deepEqual(
        hostAt.slice(-hosts.length).sort((a, b) => a - b),
        hosts.map((_, host) => host),
      );
    }
  }
});

test("with one host a chunk has one stop, at the rank where the ring would finish it", () => {
  for (const worldSize of [1, 2, 3, 4, 8]) {
    const hosts = groupByHost(new Array<number>(worldSize).fill(0));
    for (const rank of ranksOf(hosts)) {
      const [task, ...others] = tasksOf(hosts, rank);
      assert.deepEqual(others, []);
      assert.deepEqual([task.from, task.to, task.isFinished], [null, null, true]);
      assert.equal(task.chunk, chunkSent(rank, phaseSteps(worldSize), worldSize));
    }
  }
});

test("with a host a rank, tasks are the steps of the ring", () => {
  for (const worldSize of [2, 3, 4, 8]) {
    const hosts = ranksOf([new Array(worldSize).fill(0)]).map((rank) => [rank]);
    for (const rank of ranksOf(hosts)) {
      const received = tasksOf(hosts, rank).filter(({ from }) => from !== null);
      assert.deepEqual(
        received.map(({ chunk }) => chunk),
        Array.from({ length: 2 * phaseSteps(worldSize) }, (_, step) => chunkReceived(rank, step, worldSize)),
      );
    }
  }
});

test("ranks that do their tasks in order finish, get messages in order, and all know every sum", () => {
  for (const hosts of LAYOUTS) {
    const known = simulate(hosts);
    for (const host of hosts) {
      const chunks = host.flatMap((rank) => known[rank]).sort((a, b) => a - b);
      assert.deepEqual(chunks, ranksOf(hosts), JSON.stringify(hosts));
    }
  }
});

/** The chunks whose sum each rank gets to know; throws at a deadlock or a message out of its turn. */
function simulate(hosts: RanksByHost): number[][] {
  const left = ranksOf(hosts).map((rank) => tasksOf(hosts, rank));
  const known = left.map((): number[] => []);
  const ways = new Map<string, number[]>();
  const way = (from: number | null, to: number | null) => {
    const name = `${from} ${to}`;
    const queue = ways.get(name) ?? [];
    ways.set(name, queue);
    return queue;
  };
  const isPossible = ({ from }: Task, rank: number) => from === null || way(from, rank).length > 0;
  while (left.some((tasks) => tasks.length > 0)) {
    const rank = left.findIndex((tasks, each) => tasks.length > 0 && isPossible(tasks[0], each));
    assert.ok(rank >= 0, `deadlock with hosts ${JSON.stringify(hosts)}`);
    const [task] = left[rank].splice(0, 1);
    if (task.from !== null) assert.equal(way(task.from, rank).shift(), task.chunk);
    if (task.to !== null) way(rank, task.to).push(task.chunk);
    if (task.isFinished) known[rank].push(task.chunk);
  }
  return known;
}
