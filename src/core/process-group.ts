// What ranks use to talk to each other. src/allreduce implements it; everybody else sees only this.

export type ReduceOp = "sum" | "mean";

export const WIRES = ["fp32", "fp16", "bf16"] as const;
/**
 * What a value is while it travels in an all-reduce. 16 bits halve the bytes; with W ranks every result is then within
 * about `W * u` times the (divided, for a mean) sum of the ranks' absolute values of the exact one, u = 2^-11 for fp16
 * and 2^-8 for bf16. fp16 ends at 65504: larger values become infinite.
 */
export type Wire = (typeof WIRES)[number];

/**
 * A group of `worldSize` ranks. Every rank must call the same operations in the same order; two ranks found in
 * different operations get an error, never a wrong sum. With `worldSize` 1 every operation returns at once.
 * Every operation rejects with a PeerError, naming the operation and the rank waited for, when its deadline passes.
 */
export interface ProcessGroup {
  readonly rank: number;
  readonly worldSize: number;
  /**
   * Reduces `data` in place over all ranks; every rank ends with the same bits. The buffer may be refilled as soon
   * as the promise resolves. Any length, also 0; all ranks must pass the same length, and the same wire (fp32 where
   * it is left out).
   */
  allReduce(data: Float32Array, op: ReduceOp, wire?: Wire): Promise<void>;
  /** Resolves, on every rank, to the bytes that `root` passed (any length; the other ranks' argument is ignored). */
  broadcast(bytes: Uint8Array, root?: number): Promise<Uint8Array>;
  /** Resolves to every rank's bytes, indexed by rank. Lengths may differ between ranks. */
  allGather(bytes: Uint8Array): Promise<Uint8Array[]>;
  /** Resolves once every rank has called it. */
  barrier(): Promise<void>;
  /**
   * The group of some of these ranks, over the same connections; null on a rank that is none of them. Every rank of this
   * group must call it, with the same ranks of this group, at least one, in rising order. Within it ranks count from 0
   * anew. Operations of different groups may run at the same time; the first failure of one ends all, and so does
   * closing the group of all ranks.
   */
  subgroup(ranks: readonly number[]): Promise<ProcessGroup | null>;
  /** Waits until everything sent has been taken over by the peers' sockets, then closes. */
  close(): Promise<void>;
}

/**
 * Adds up a vector of float64 over all ranks, in rank order, so that every rank gets the same bits.
 * For metrics: small vectors of sums and counts, where float32 would lose counts above 2^24.
 */
export async function sumOverRanks(group: ProcessGroup, values: Float64Array): Promise<Float64Array> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const total = new Float64Array(values.length);
  for (const part of await group.allGather(bytes)) {
    // The part may sit at any byte offset of a network message: copy before viewing it as float64.
    const vector = new Float64Array(part.slice().buffer);
    for (let i = 0; i < total.length; i++) total[i] += vector[i];
  }
  return total;
}

/** Gathers one JSON value from every rank, indexed by rank. */
export async function gatherJson<T>(group: ProcessGroup, value: T): Promise<T[]> {
  const parts = await group.allGather(new TextEncoder().encode(JSON.stringify(value)));
  return parts.map((part) => JSON.parse(new TextDecoder().decode(part)) as T);
}

/** The calling process's rank as the launcher set it: -1 outside a group, 0 for the master. */
export function getRank(env: NodeJS.ProcessEnv = process.env): number {
  return env.RANK === undefined ? -1 : Number(env.RANK);
}
