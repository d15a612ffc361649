// Precision, recall and F1 of each class in one epoch: a row a class, a mark a metric. Of many classes the worst and the
// best by F1 are drawn.

import { ascending, min } from "d3-array";
import { scaleLinear } from "d3-scale";
import { tableFile } from "../../core/run-files.js";
import { clip, type Markup, markup } from "../markup.js";
import { exact, listed, plural, short } from "../numbers.js";
import { CLASS_METRICS, type ClassNumbers, classesOf } from "./class-names.js";
import { type Figure, label, lettersIn, round, svgImage, WIDTH, widthOf } from "./figure.js";
import { legend, lookClass, markPath } from "./legend.js";

/** From each end, of more than twice as many classes. */
const EACH_END = 20;
const ROW = 18;
const RIGHT = WIDTH - 10;

/** What the metrics are of: `valid, epoch 6`. */
export interface Source {
  readonly loader: string;
  /** From 1, over the whole run. */
  readonly epoch: number;
  readonly metrics: ReadonlyMap<string, number>;
}

/** A figure for each set of classes that the metrics tell of. */
export function classFigures(source: Source): Figure[] {
  return [...classesOf(source.metrics)].flatMap(([prefix, classes]) => {
    const kinds = CLASS_METRICS.filter((kind) => classes.some(({ metrics }) => metrics.has(kind)));
    return kinds.length === 0 ? [] : [classFigure(source, prefix, classes, kinds)];
  });
}

function classFigure(
  { loader, epoch }: Source,
  prefix: string,
  classes: readonly ClassNumbers[],
  kinds: readonly string[],
): Figure {
  const ranking = kinds.at(-1) as string;
  const rank = ({ metrics }: ClassNumbers) => metrics.get(ranking) ?? Number.NaN;
  const { shown, cut } = chooseEnds(classes, rank);
  const names = kinds.map((kind, i) => ({ name: titleOf(kind), look: { colour: i, dash: 0 } }));
  const keys = legend(names);
  const left = Math.min(90, 14 + Math.max(...shown.map(({ name }) => widthOf(name))));
  const values = shown.flatMap(({ metrics }) => kinds.map((kind) => metrics.get(kind) ?? Number.NaN));
  const lowest = Math.min(1, min(values.filter(Number.isFinite)) ?? 0);
  const x = scaleLinear([Math.min(0.9, Math.floor(lowest * 10) / 10), 1], [left + 8, RIGHT]);
  const top = keys.height + 8;
  const rows = shown.map((each, i) => {
    const y = top + (i + 0.5) * ROW + (cut !== null && i >= cut ? ROW : 0);
    return classRow(each, kinds, x, y, left);
  });
  const bottom = top + (shown.length + (cut === null ? 0 : 1)) * ROW;
  const ticks = x.ticks(5);
  const axis = ticks.map(
    (tick) =>
      markup`<path class="grid" d="M${round(x(tick))} ${top}V${bottom}"/>${label(x(tick), bottom + 14, short(tick), "middle")}`,
  );
  const gap =
    cut === null
      ? null
      : label(
          (left + RIGHT) / 2,
          top + (cut + 0.5) * ROW + 4,
          `${exact(classes.length - shown.length)} classes between`,
          "middle",
        );
  const what = listed(kinds.map(titleOf)).replace(/^./, (letter) => letter.toUpperCase());
  const title = `${prefix === "" ? "" : `${prefix}: `}${what} by class (${loader}, epoch ${epoch})`;
  const description = describe(classes, ranking, rank);
  return {
    title,
    description,
    svg: svgImage(title, description, bottom + 22, [...keys.content, ...axis, ...rows, gap]),
    table: tableOf(shown, kinds),
    notes:
      cut === null
        ? []
        : [
            `The ${cut} worst and the ${shown.length - cut} best of ${plural(classes.length, "class", "classes")} by ${titleOf(ranking)}; ${tableFile(loader)} has all.`,
          ],
  };
}

/** All classes in their order; of many, the worst and the best, and where the worst end. */
function chooseEnds(
  classes: readonly ClassNumbers[],
  rank: (each: ClassNumbers) => number,
): { readonly shown: readonly ClassNumbers[]; readonly cut: number | null } {
  if (classes.length <= 2 * EACH_END) return { shown: classes, cut: null };
  // What is no number is the worst.
  const value = (each: ClassNumbers) => (Number.isNaN(rank(each)) ? Number.NEGATIVE_INFINITY : rank(each));
  const sorted = [...classes].sort((a, b) => ascending(value(a), value(b)));
  return { shown: [...sorted.slice(0, EACH_END), ...sorted.slice(-EACH_END)], cut: EACH_END };
}

function classRow(
  { name, metrics }: ClassNumbers,
  kinds: readonly string[],
  x: (value: number) => number,
  y: number,
  left: number,
): Markup {
  const known = kinds.map((kind, i) => ({
    kind,
    look: { colour: i, dash: 0 },
    value: metrics.get(kind) ?? Number.NaN,
  }));
  const there = known.filter(({ value }) => Number.isFinite(value));
  const places = there.map(({ value }) => round(x(value)));
  const marks = there.map(
    ({ kind, look, value }) =>
      markup`<path class="mark ${lookClass(look)}" transform="translate(${round(x(value))} ${round(y)})" d="${markPath(look, 34)}"><title>class ${name}, ${titleOf(kind)}: ${exact(value)}</title></path>`,
  );
  const span =
    there.length > 1
      ? markup`<path class="span" d="M${Math.min(...places)} ${round(y)}H${Math.max(...places)}"/>`
      : null;
  const text = clip(name, lettersIn(left - 10));
  return markup`<g>${label(left, y + 4, text, "end", "name")}${span}${marks}${there.length === 0 ? label(left + 12, y + 4, "no finite value") : null}</g>`;
}

function describe(
  classes: readonly ClassNumbers[],
  ranking: string,
  rank: (each: ClassNumbers) => number,
): string {
  const sorted = classes
    .filter((each) => Number.isFinite(rank(each)))
    .sort((a, b) => ascending(rank(a), rank(b)));
  const [worst, best] = [sorted[0], sorted.at(-1)];
  const words = `A row for each of ${plural(classes.length, "class", "classes")}.`;
  if (worst === undefined || best === undefined) return words;
  return `${words} By ${titleOf(ranking)} the worst is class ${worst.name} with ${exact(rank(worst))}, the best class ${best.name} with ${exact(rank(best))}.`;
}

function tableOf(shown: readonly ClassNumbers[], kinds: readonly string[]) {
  const all = [...kinds, "support"].filter((kind) => shown.some(({ metrics }) => metrics.has(kind)));
  return {
    head: ["class", ...all.map(titleOf)],
    rows: shown.map(({ name, metrics }) => [name, ...all.map((kind) => exact(metrics.get(kind)))]),
    lacks: null,
  };
}

function titleOf(kind: string): string {
  return kind === "f1" ? "F1" : kind;
}
