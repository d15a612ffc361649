// Which ranks of a process group share memory.

/** The ranks of each host, in rising order; every rank is on one of them. */
export type RanksByHost = readonly (readonly number[])[];

/** RanksByHost by the node that each rank is on, in the order of their first ranks. */
export function groupByHost(hostOf: readonly number[]): RanksByHost {
  const hosts = new Map<number, number[]>();
  for (const [rank, host] of hostOf.entries()) {
    const ranks = hosts.get(host);
    if (ranks === undefined) hosts.set(host, [rank]);
    else ranks.push(rank);
  }
  return [...hosts.values()];
}
