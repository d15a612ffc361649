// What many runs of the same thing amount to. On a noisy machine single numbers say little: a result is a median with
// its extremes, and two contestants are compared run by run, within the same minute.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median (the mean of the middle two for an even count), smallest and largest. @throws RangeError when empty. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError("the spread of no values");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** `a[i] / b[i]` for the runs of each turn. @throws RangeError when the counts differ. */
export function pairedRatios(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length) throw new RangeError(`${a.length} runs cannot be paired with ${b.length}`);
  return a.map((value, turn) => value / b[turn]);
}
