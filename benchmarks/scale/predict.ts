// What the model says of clusters that nobody here has: how long an all-reduce takes, and how much of a step is left
// for computing. Pure.
import {
  type Costs,
  halvingDoubling,
  ourRing,
  recursiveDoubling,
  ring,
  seconds,
  type Work,
} from "./cost-model.js";

/** GPUs of a node, which reduce among themselves before one speaks for all. */
export const NODE = 8;

export const ALGORITHMS = {
  "flat ring": ring,
  "recursive doubling": recursiveDoubling,
  "halving-doubling": halvingDoubling,
} as const satisfies Record<string, (ranks: number, n: number) => Work>;

/** A ring of nodes; within a node, reduce-scatter and all-gather at `inside` bytes a second. */
export function hierarchical(ranks: number, n: number, costs: Costs, inside: number): number {
  const local = Math.min(NODE, ranks);
  const within = (2 * (local - 1) * n) / local / inside;
  // Each GPU of a node takes a share of the array round its own ring; they share the node's link.
  return within + seconds(ring(Math.ceil(ranks / local), n), costs);
}

/** What is left of a step: compute by compute and the communication that nothing hides. */
export function efficiency(compute: number, communication: number, hidden: number): number {
  return compute / (compute + Math.max(0, communication - hidden));
}

/** Bytes up to which recursive doubling is faster than halving and doubling. */
export function crossover(ranks: number, costs: Costs): number {
  const [few, many] = [recursiveDoubling(ranks, 1), halvingDoubling(ranks, 1)];
  const share = Math.min(1, costs.coresPerRank);
  const perByte = Math.max(costs.beta / share, 1 / costs.link);
  const more = few.bytes - many.bytes;
  return more <= 0
    ? Number.POSITIVE_INFINITY
    : ((many.hops - few.hops) * costs.alpha) / share / (more * perByte);
}

/** Our ring as it is. */
export function ours(ranks: number, n: number, costs: Costs): number {
  return seconds(ourRing(ranks, n), costs);
}
