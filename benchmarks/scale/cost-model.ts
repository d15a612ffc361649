// What an all-reduce costs, by Hockney's model: so many hops one after another, so many bytes through a rank. Pure.
//
// Formulas: the ring's from Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of
// workstations"; the others from Thakur, Rabenseifner and Gropp 2005, "Optimization of collective communication
// operations in MPICH". W ranks, n bytes, each sends and receives at once.

/** What one rank does in one all-reduce. */
export interface Work {
  /** Messages that wait for one another. */
  readonly hops: number;
  /** Bytes that leave the rank. */
  readonly bytes: number;
}

/** Up to here our ring lets arrays circulate whole (src/allreduce/algorithms/ring.ts). */
export const WHOLE_BYTES = 32 * 1024;

/** Our ring over ZeroMQ, as src/allreduce/algorithms/ring.ts does it. */
export function ourRing(ranks: number, n: number): Work {
  return n <= WHOLE_BYTES ? { hops: ranks - 1, bytes: (ranks - 1) * n } : ring(ranks, n);
}

/** Reduce-scatter and all-gather round a ring. */
export function ring(ranks: number, n: number): Work {
  return { hops: 2 * (ranks - 1), bytes: (2 * (ranks - 1) * n) / ranks };
}

/** The whole array with the partner at distance 1, 2, 4 and so on. */
export function recursiveDoubling(ranks: number, n: number): Work {
  const rounds = Math.ceil(Math.log2(ranks));
  return { hops: rounds, bytes: rounds * n };
}

/** Rabenseifner's: halves of halves to the partners, and back. */
export function halvingDoubling(ranks: number, n: number): Work {
  return { hops: 2 * Math.ceil(Math.log2(ranks)), bytes: (2 * (ranks - 1) * n) / ranks };
}

/** What hops and bytes cost. */
export interface Costs {
  /** Seconds a hop, with a core for each rank. */
  readonly alpha: number;
  /** Seconds of a core for each byte that leaves: to send, receive and add it. */
  readonly beta: number;
  /** Bytes a second of the link; infinite where memory is the link. */
  readonly link: number;
  /** Cores that the ranks of a machine share, for so many ranks. */
  readonly coresPerRank: number;
}

/** Seconds. Work on bytes overlaps with their way over the link, so the slower of the two counts. */
export function seconds({ hops, bytes }: Work, { alpha, beta, link, coresPerRank }: Costs): number {
  const share = Math.min(1, coresPerRank);
  return (hops * alpha) / share + bytes * Math.max(beta / share, 1 / link);
}

export interface Measurement {
  readonly ranks: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** One measurement of what is thought to be `a x + b y`. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly value: number;
}

/**
 * The `[a, b]`, neither below 0, with the least sum of squared relative errors of `a x + b y`.
 * @throws RangeError for fewer than two points.
 */
export function fitTwo(points: readonly Point[]): [number, number] {
  if (points.length < 2) throw new RangeError("a fit of two numbers wants two measurements");
  // Normal equations of (a x + b y - 1)^2, with x and y in units of what was measured.
  let [xx, xy, yy, x1, y1] = [0, 0, 0, 0, 0];
  for (const point of points) {
    const [x, y] = [point.x / point.value, point.y / point.value];
    xx += x * x;
    xy += x * y;
    yy += y * y;
    x1 += x;
    y1 += y;
  }
  const determinant = xx * yy - xy * xy;
  const a = (x1 * yy - y1 * xy) / determinant;
  const b = (y1 * xx - x1 * xy) / determinant;
  if (a < 0) return [0, y1 / yy];
  if (b < 0) return [x1 / xx, 0];
  return [a, b];
}

/** Alpha and beta of our ring, where memory is the link. `cores` are what all ranks share. */
export function fitRing(measured: readonly Measurement[], cores: number): Pick<Costs, "alpha" | "beta"> {
  const points = measured.map(({ ranks, bytes, seconds: value }) => {
    const work = ourRing(ranks, bytes);
    const share = Math.min(1, cores / ranks);
    return { x: work.hops / share, y: work.bytes / share, value };
  });
  const [alpha, beta] = fitTwo(points);
  return { alpha, beta };
}

/** Predicted by measured, less 1: 0.1 is 10% too slow. */
export function relativeError(
  { ranks, bytes, seconds: took }: Measurement,
  costs: Omit<Costs, "coresPerRank">,
  cores: number,
): number {
  return seconds(ourRing(ranks, bytes), { ...costs, coresPerRank: cores / ranks }) / took - 1;
}
