// Which ranks a run has and where: machines (nodes), and on each a number of workers. Ranks count through the nodes in
// order, so that those of one node follow one another. Pure data and functions.

/** One machine of a run. */
export interface TopologyNode {
  /** Number of workers on it, at least 1. */
  readonly workers: number;
}

/** All machines of a run, in the order of their ranks. */
export interface Topology {
  readonly nodes: readonly TopologyNode[];
}

/** Where one worker is. */
export interface RankPlace {
  /** Among all workers of the run. */
  readonly rank: number;
  /** Among the workers of its machine. */
  readonly localRank: number;
  /** Its machine's index among {@link Topology.nodes}. */
  readonly node: number;
  /** Number of workers of the run. */
  readonly worldSize: number;
  /** Number of workers on its machine. */
  readonly localWorldSize: number;
  /** Number of machines. */
  readonly nodeCount: number;
}

/** Machines with these numbers of workers. @throws RangeError when there is no machine, or one has no worker. */
export function topologyOf(workersByNode: readonly number[]): Topology {
  if (
    workersByNode.length === 0 ||
    !workersByNode.every((workers) => Number.isSafeInteger(workers) && workers > 0)
  ) {
    throw new RangeError(`a topology wants machines with at least 1 worker each, not [${workersByNode}]`);
  }
  return { nodes: workersByNode.map((workers) => ({ workers })) };
}

/** One machine. @throws RangeError as {@link topologyOf}. */
export function singleNode(workers: number): Topology {
  return topologyOf([workers]);
}

/** Number of workers of the run. */
export function worldSizeOf({ nodes }: Topology): number {
  return nodes.reduce((sum, { workers }) => sum + workers, 0);
}

/** The ranks on one machine, in order. @throws RangeError when there is no such machine. */
export function ranksOf({ nodes }: Topology, node: number): readonly number[] {
  if (nodes[node] === undefined) throw new RangeError(`there is no node ${node} among ${nodes.length}`);
  const first = worldSizeOf({ nodes: nodes.slice(0, node) });
  return Array.from({ length: nodes[node].workers }, (_, localRank) => first + localRank);
}

/** Where a rank is. @throws RangeError when there is no such rank. */
export function placeOf(topology: Topology, rank: number): RankPlace {
  const worldSize = worldSizeOf(topology);
  const { nodes } = topology;
  let localRank = rank;
  for (const [node, { workers }] of nodes.entries()) {
    if (Number.isSafeInteger(localRank) && localRank >= 0 && localRank < workers) {
      return { rank, localRank, node, worldSize, localWorldSize: workers, nodeCount: nodes.length };
    }
    localRank -= workers;
  }
  throw new RangeError(`there is no rank ${rank} among ${worldSize}`);
}
