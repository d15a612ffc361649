// Fewer points where there are more than can be seen: of each column of pixels the first, the last, the lowest and the
// highest stay, so that the line looks the same and no peak is lost.

export interface Point {
  readonly x: number;
  /** NaN or infinite where there is a gap, which stays one. */
  readonly y: number;
}

/** Of points in ascending order of `x`, those that a line of `columns` columns needs; all, where they are few. */
export function thin(points: readonly Point[], columns: number): Point[] {
  if (points.length <= 4 * columns) return [...points];
  const [first, last] = [points[0].x, points[points.length - 1].x];
  const kept: Point[] = [];
  for (let at = 0; at < points.length; ) {
    const column = columnOf(points[at].x);
    const from = at;
    while (at < points.length && columnOf(points[at].x) === column) at++;
    kept.push(...extremes(points.slice(from, at)));
  }
  return kept;

  function columnOf(x: number): number {
    return Math.floor(((x - first) / (last - first)) * (columns - 1));
  }
}

function extremes(column: readonly Point[]): Point[] {
  const chosen = new Set([column[0], column[column.length - 1]]);
  const finite = column.filter(({ y }) => Number.isFinite(y));
  const gap = column.find(({ y }) => !Number.isFinite(y));
  if (gap !== undefined) chosen.add(gap);
  if (finite.length > 0) {
    chosen.add(finite.reduce((low, point) => (point.y < low.y ? point : low)));
    chosen.add(finite.reduce((high, point) => (point.y > high.y ? point : high)));
  }
  return column.filter((point) => chosen.has(point));
}

/** Indices of at most `most` of `length` rows, evenly, with the first, the last and those of `always`. */
export function evenly(length: number, most: number, always: readonly number[] = []): number[] {
  if (length <= most) return Array.from({ length }, (_, i) => i);
  const step = (length - 1) / (most - 1);
  const even = Array.from({ length: most }, (_, i) => Math.round(i * step));
  const inside = always.filter((index) => index >= 0 && index < length);
  return [...new Set([...even, ...inside])].sort((a, b) => a - b);
}
