// The ring's index arithmetic, pure: where each chunk lies, and which chunk a rank sends and receives at each step.
// Promises: chunks cover the array once, in order, and differ in length by at most one value; what a rank sends at a
// step is what the next rank receives at that step, and what it received at the step before.

/** Half-open range of values, `start` to `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Chunk `chunk` of `count` chunks of an array of `length` values; empty where the array is shorter than `count`. */
export function chunkRange(length: number, count: number, chunk: number): Range {
  return { start: Math.floor((length * chunk) / count), end: Math.floor((length * (chunk + 1)) / count) };
}

/** Number of pieces of at most `pieceLength` values that a range is sent in; an empty range still takes one. */
export function pieceCount({ start, end }: Range, pieceLength: number): number {
  return Math.max(1, Math.ceil((end - start) / pieceLength));
}

/** Piece `piece` of a range: `pieceLength` values, fewer in the last one. */
export function pieceRange({ start, end }: Range, pieceLength: number, piece: number): Range {
  const from = start + piece * pieceLength;
  return { start: from, end: Math.min(from + pieceLength, end) };
}

/** Steps of the reduce-scatter, and of the all-gather after it: each takes one less than there are ranks. */
export function phaseSteps(worldSize: number): number {
  return worldSize - 1;
}

/** The chunk that `rank` sends at `step`, counted from 0 through both phases. */
export function chunkSent(rank: number, step: number, worldSize: number): number {
  return modulo(rank - step, worldSize);
}

/** The chunk that `rank` receives at `step`, counted from 0 through both phases. */
export function chunkReceived(rank: number, step: number, worldSize: number): number {
  return chunkSent(previousRank(rank, worldSize), step, worldSize);
}

/** The rank that `rank` sends to. */
export function nextRank(rank: number, worldSize: number): number {
  return (rank + 1) % worldSize;
}

/** The rank that `rank` receives from. */
export function previousRank(rank: number, worldSize: number): number {
  return modulo(rank - 1, worldSize);
}

/** `value` modulo `divisor`, never negative for `value` above `-2 * divisor`. */
function modulo(value: number, divisor: number): number {
  return (value + 2 * divisor) % divisor;
}
