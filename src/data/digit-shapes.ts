// How the ten digits are written: for each, several styles; a style is a list of strokes; a stroke is points
// x, y, x, y... in a box of about -0.6 to 0.6 by -1 to 1, y downwards, joined by straight lines or by a smooth curve.

/** A style's lines, flat: x0, y0, x1, y1 of each. */
export type Segments = Float64Array;

/** Straight lines through the points. */
const line = (...points: number[]): number[] => points;

/** A Catmull-Rom spline through the points, `PIECES` lines a span: only sums and products, the same everywhere. */
function curve(...points: number[]): number[] {
  const count = points.length / 2;
  const at = (i: number, axis: number) => points[2 * Math.min(Math.max(i, 0), count - 1) + axis];
  const path: number[] = [points[0], points[1]];
  for (let span = 0; span + 1 < count; span++) {
    for (let piece = 1; piece <= PIECES; piece++) {
      for (const axis of [0, 1]) {
        const [a, b, c, d] = [at(span - 1, axis), at(span, axis), at(span + 1, axis), at(span + 2, axis)];
        const t = piece / PIECES;
        const cubic = (3 * (b - c) + d - a) * t;
        path.push(0.5 * (2 * b + (c - a + (2 * a - 5 * b + 4 * c - d + cubic) * t) * t));
      }
    }
  }
  return path;
}
const PIECES = 3;

/** `STYLES[digit]`: the ways to write it. */
export const STYLES: readonly (readonly Segments[])[] = [
  [
    [curve(0, -1, -0.42, -0.7, -0.58, 0, -0.42, 0.7, 0, 1, 0.42, 0.7, 0.58, 0, 0.42, -0.7, 0, -1)],
    [curve(0.1, -1, -0.25, -0.6, -0.35, 0.1, -0.2, 0.8, 0.05, 1, 0.3, 0.6, 0.35, -0.1, 0.25, -0.8, 0, -0.95)],
    [
      curve(
        0.35,
        -0.85,
        -0.2,
        -0.9,
        -0.6,
        -0.2,
        -0.5,
        0.6,
        0,
        0.85,
        0.5,
        0.55,
        0.6,
        -0.2,
        0.3,
        -0.8,
        -0.1,
        -0.8,
      ),
    ],
  ],
  [
    [line(0, -1, 0, 1)],
    [line(-0.35, -0.55, 0.05, -1, 0.05, 1)],
    [line(-0.3, -0.65, 0.02, -1, 0.02, 0.95), line(-0.4, 0.95, 0.42, 0.95)],
  ],
  [
    [
      curve(-0.5, -0.6, -0.2, -0.95, 0.25, -0.9, 0.5, -0.5, 0.25, 0.05, -0.55, 0.95),
      line(-0.55, 0.95, 0.6, 0.95),
    ],
    [
      curve(-0.45, -0.7, 0, -1, 0.42, -0.65, 0.25, -0.05, -0.2, 0.6, -0.5, 0.9),
      curve(-0.5, 0.9, -0.55, 0.6, -0.25, 0.6, 0.1, 0.9, 0.65, 0.8),
    ],
    [
      curve(-0.5, -0.9, 0.2, -0.95, 0.45, -0.6, 0.1, -0.1, -0.5, 0.35),
      line(-0.5, 0.35, -0.5, 0.9, 0.55, 0.85),
    ],
  ],
  [
    [
      curve(-0.5, -0.8, 0, -1, 0.45, -0.65, 0.3, -0.2, -0.15, -0.05),
      curve(-0.15, -0.05, 0.4, 0.1, 0.55, 0.5, 0.15, 0.95, -0.55, 0.8),
    ],
    [
      line(-0.5, -0.95, 0.5, -0.95, -0.05, -0.2),
      curve(-0.05, -0.2, 0.5, 0, 0.5, 0.6, 0.05, 0.97, -0.55, 0.75),
    ],
    [
      curve(-0.35, -0.95, 0.3, -0.85, 0.35, -0.4, 0.05, -0.1),
      curve(0.05, -0.1, 0.55, 0.3, 0.3, 0.9, -0.2, 0.95, -0.4, 0.7),
    ],
  ],
  [
    [line(-0.4, -0.95, -0.55, 0.1, 0.6, 0.05), line(0.35, -0.75, 0.25, 1)],
    [line(0.3, 1, 0.3, -0.95, -0.6, 0.35, 0.65, 0.35)],
    [curve(-0.5, -0.8, -0.5, -0.1, -0.1, 0.15, 0.45, -0.1), curve(0.5, -0.9, 0.4, 0, 0.35, 1)],
  ],
  [
    [
      line(0.5, -0.95, -0.35, -0.95, -0.45, -0.15),
      curve(-0.45, -0.15, 0.1, -0.3, 0.55, 0.15, 0.3, 0.8, -0.5, 0.9),
    ],
    [
      line(0.6, -0.85, -0.3, -0.8),
      curve(-0.3, -0.8, -0.4, -0.3, 0.1, 0, 0.35, 0.4, 0.1, 0.9, -0.3, 0.85, -0.45, 0.6),
    ],
    [
      line(0.35, -1, -0.4, -0.9, -0.4, -0.05, 0.1, -0.1),
      curve(0.1, -0.1, 0.5, 0.2, 0.4, 0.75, -0.1, 1, -0.5, 0.95),
    ],
  ],
  [
    [
      curve(
        0.4,
        -0.95,
        -0.15,
        -0.6,
        -0.5,
        0.2,
        -0.35,
        0.8,
        0.05,
        1,
        0.5,
        0.65,
        0.4,
        0.15,
        0,
        0.05,
        -0.45,
        0.45,
      ),
    ],
    [curve(0, -1, -0.35, -0.3, -0.4, 0.5, 0, 0.95, 0.4, 0.6, 0.2, 0.15, -0.35, 0.45)],
    [curve(0.5, -0.75, 0.1, -0.95, -0.45, -0.4, -0.5, 0.5, 0, 0.95, 0.5, 0.5, 0.1, 0, -0.5, 0.3)],
  ],
  [
    [line(-0.55, -0.9, 0.55, -0.95, -0.1, 1)],
    [line(-0.5, -0.95, 0.5, -0.95, 0, 1), line(-0.3, 0.05, 0.45, 0.05)],
    [
      curve(-0.55, -0.65, -0.4, -0.9, 0.1, -0.8, 0.55, -0.9),
      curve(0.55, -0.9, 0.2, -0.2, 0.05, 0.4, 0.05, 1),
    ],
  ],
  [
    [
      curve(
        ...[
          0.4, -0.8, -0.1, -1, -0.42, -0.6, 0, -0.1, 0.45, 0.4, 0.2, 0.95, -0.3, 0.9, -0.45, 0.45, 0, -0.05,
        ],
        ...[0.4, -0.5, 0.4, -0.8],
      ),
    ],
    [
      curve(0, -0.1, -0.4, -0.4, -0.3, -0.9, 0.2, -0.95, 0.4, -0.5, 0, -0.1),
      curve(0, -0.1, -0.5, 0.3, -0.35, 0.9, 0.15, 1, 0.5, 0.5, 0, -0.1),
    ],
    [curve(0.3, -0.9, -0.3, -0.8, -0.1, -0.3, 0.3, 0.3, 0.15, 0.95, -0.3, 0.75, 0, 0, 0.45, -0.75)],
  ],
  [
    [
      curve(0.45, -0.5, 0.15, -0.95, -0.35, -0.75, -0.4, -0.25, 0, -0.1, 0.45, -0.5),
      curve(0.45, -0.5, 0.45, 0.2, 0.3, 1),
    ],
    [line(0.4, -0.9, 0.35, 1), curve(0.4, -0.85, -0.1, -1, -0.45, -0.5, -0.2, -0.05, 0.35, -0.3)],
    [
      curve(
        ...[0.35, -0.75, -0.2, -0.95, -0.5, -0.5, -0.1, -0.05, 0.4, -0.4, 0.4, -0.75, 0.45, 0.3, 0.1, 0.95],
        ...[-0.45, 0.75],
      ),
    ],
  ],
].map((styles) => styles.map(segmentsOf));

function segmentsOf(strokes: readonly number[][]): Segments {
  const segments: number[] = [];
  for (const points of strokes) {
    for (let i = 0; i + 3 < points.length; i += 2) segments.push(...points.slice(i, i + 4));
  }
  return Float64Array.from(segments);
}
