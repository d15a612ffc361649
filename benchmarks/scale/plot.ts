// A picture of points and curves on logarithmic axes, as SVG text.

export interface Series {
  readonly name: string;
  readonly color: string;
  /** Measured, x and y above 0. */
  readonly points: readonly (readonly [number, number])[];
  readonly curve: (x: number) => number;
}

const WIDTH = 760;
const HEIGHT = 460;
const LEFT = 80;
const RIGHT = 170;
const TOP = 40;
const BOTTOM = 60;
const STEPS = 80;

/** `xText` and `yText` name the axes; `xTick` and `yTick` write a power of ten. */
export function logLogPlot(
  series: readonly Series[],
  title: string,
  axes: { xText: string; yText: string; xTick: (x: number) => string; yTick: (y: number) => string },
): string {
  const points = series.flatMap((each) => each.points);
  const decades = (index: 0 | 1) => {
    const logs = points.map((point) => Math.log10(point[index]));
    return { low: Math.floor(Math.min(...logs)), high: Math.ceil(Math.max(...logs)) };
  };
  const [xs, ys] = [decades(0), decades(1)];
  const x = (value: number) =>
    LEFT + ((Math.log10(value) - xs.low) / (xs.high - xs.low)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((Math.log10(value) - ys.low) / (ys.high - ys.low)) * (HEIGHT - TOP - BOTTOM);
  const parts: string[] = [];
  for (let e = xs.low; e <= xs.high; e++) {
    parts.push(line(x(10 ** e), TOP, x(10 ** e), HEIGHT - BOTTOM));
    parts.push(text(x(10 ** e), HEIGHT - BOTTOM + 18, axes.xTick(10 ** e), "middle"));
  }
  for (let e = ys.low; e <= ys.high; e++) {
    parts.push(line(LEFT, y(10 ** e), WIDTH - RIGHT, y(10 ** e)));
    parts.push(text(LEFT - 8, y(10 ** e) + 4, axes.yTick(10 ** e), "end"));
  }
  for (const [i, { name, color, curve, points: measured }] of series.entries()) {
    const path = Array.from({ length: STEPS + 1 }, (_, step) => {
      const at = 10 ** (xs.low + (step / STEPS) * (xs.high - xs.low));
      const value = Math.min(10 ** ys.high, Math.max(10 ** ys.low, curve(at)));
      return `${step === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    parts.push(`<path d="${path.join("")}" fill="none" stroke="${color}" stroke-width="1.5"/>`);
    for (const [px, py] of measured) {
      parts.push(`<circle cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="4" fill="${color}"/>`);
    }
    parts.push(`<circle cx="${WIDTH - RIGHT + 20}" cy="${TOP + 20 + i * 22}" r="4" fill="${color}"/>`);
    parts.push(text(WIDTH - RIGHT + 32, TOP + 24 + i * 22, name, "start"));
  }
  parts.push(text(LEFT, 24, title, "start"));
  parts.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, axes.xText, "middle"));
  parts.push(text(8, TOP - 8, axes.yText, "start"));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#ddd"/>`;
}

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
