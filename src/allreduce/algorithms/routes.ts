// The way of each chunk over hosts whose ranks share memory, pure. Chunk c is added up from rank c on, round all ranks,
// as in the ring; ranks that follow one another on one host are added there by one of them, the chunk's carrier on that
// host, and only from carrier to carrier does the partial sum travel as a message. The finished sum then goes to the
// carriers of all other hosts. With hosts {0,1} and {2,3}, "0+1" for a stop at which these are added:
//
//           reduced                                    then told
//  chunk 0  host A: 0+1  ->  host B: 2+3           ->  host A
//  chunk 1  host A: 1    ->  host B: 2+3  ->  A: 0 ->  host B
//  chunk 2  host B: 2+3  ->  host A: 0+1           ->  host B
//  chunk 3  host B: 3    ->  host A: 0+1  ->  B: 2 ->  host A
//
// With one host there is one stop and nothing to tell; with as many hosts as ranks the stops are those of the ring.
// Promises: every rank is added once, in the ring's order, so the bits depend on neither hosts nor transport; the work
// of all ranks, step by step, has no circle of ranks that wait for one another.

import type { RanksByHost } from "../shared-memory/hosts.js";

/** Where a chunk halts. */
export interface Stop {
  readonly carrier: number;
  /** The ranks of that host whose parts are added here, in this order; none where the finished sum comes by. */
  readonly added: readonly number[];
}

/** What one rank does for one chunk at one stop. */
export interface Task {
  readonly chunk: number;
  readonly added: readonly number[];
  /** The rank that the partial or finished sum comes from; null where it begins. */
  readonly from: number | null;
  /** The rank that it goes to; null where it ends. */
  readonly to: number | null;
  /** Whether the sum is finished after this. */
  readonly isFinished: boolean;
}

/** The rank that answers for a chunk on a host; with a single host the one at which the ring would finish it. */
export function carrierOf(host: readonly number[], chunk: number): number {
  return host[(chunk + host.length - 1) % host.length];
}

/** The stops of a chunk. */
export function routeOf(hosts: RanksByHost, chunk: number): Stop[] {
  const worldSize = hosts.reduce((sum, { length }) => sum + length, 0);
  const stops: { host: readonly number[]; added: number[] }[] = [];
  for (let step = 0; step < worldSize; step++) {
    const rank = (chunk + step) % worldSize;
    const host = hosts.find((ranks) => ranks.includes(rank)) ?? [];
    const last = stops.at(-1);
    if (last?.host === host) last.added.push(rank);
    else stops.push({ host, added: [rank] });
  }
  const lastHost = hosts.indexOf(stops.at(-1)?.host ?? []);
  for (let step = 1; step < hosts.length; step++) {
    stops.push({ host: hosts[(lastHost + step) % hosts.length], added: [] });
  }
  return stops.map(({ host, added }) => ({ carrier: carrierOf(host, chunk), added }));
}

/**
 * A rank's tasks for one piece of every chunk: all first stops, then all second ones, and so on, so that what a task
 * waits for was done by another rank at the step before; at each step by chunk, so that messages come in their order.
 */
export function tasksOf(hosts: RanksByHost, rank: number): Task[] {
  const worldSize = hosts.reduce((sum, { length }) => sum + length, 0);
  const routes = Array.from({ length: worldSize }, (_, chunk) => routeOf(hosts, chunk));
  const longest = Math.max(...routes.map(({ length }) => length));
  const tasks: Task[] = [];
  for (let step = 0; step < longest; step++) {
    for (const [chunk, route] of routes.entries()) {
      const stop = route[step];
      if (stop?.carrier !== rank) continue;
      const from = route[step - 1]?.carrier ?? null;
      const to = route[step + 1]?.carrier ?? null;
      const isFinished = route.slice(step + 1).every(({ added }) => added.length === 0);
      tasks.push({ chunk, added: stop.added, from, to, isFinished });
    }
  }
  return tasks;
}
