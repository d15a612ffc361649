// Which class was taken for which. Few classes make a matrix, coloured by the share of each target's samples; of many
// classes the pairs that are confused most often are drawn as bars.
import { scaleLinear } from "d3-scale";
import { tableFile } from "../../core/run-files.js";
import { clip, type Markup, markup } from "../markup.js";
import { exact, plural } from "../numbers.js";
import { type Confusion, confusionsOf } from "./class-names.js";
import type { Source } from "./classes.js";
import { type Figure, LETTER, label, lettersIn, round, svgImage, WIDTH, widthOf } from "./figure.js";

/** Classes of a matrix: of more its cells are too small to be seen. */
const MOST_CLASSES = 24;
/** Classes up to which a cell has room for its count. */
const MOST_COUNTED = 11;
const MOST_PAIRS = 20;
/** How strong a cell is coloured at most: dark letters stay legible on it. */
const STRONGEST = 0.6;
const ROW = 18;

/** A figure for each confusion matrix that the metrics tell of. */
export function confusionFigures(source: Source): Figure[] {
  return [...confusionsOf(source.metrics)].map(([prefix, confusion]) => {
    const isSmall = confusion.classes.length <= MOST_CLASSES;
    const what = isSmall ? "Confusion matrix" : "Classes taken for others";
    const title = `${prefix === "" ? "" : `${prefix}: `}${what} (${source.loader}, epoch ${source.epoch})`;
    return isSmall ? matrixFigure(title, confusion) : pairsFigure(title, confusion, source.loader);
  });
}

interface Pair {
  readonly target: string;
  readonly predicted: string;
  readonly count: number;
  /** Of the target's samples, from 0 to 1. */
  readonly share: number;
}

function matrixFigure(title: string, confusion: Confusion): Figure {
  const { classes, counts } = confusion;
  const size = classes.length;
  const left = Math.min(70, 26 + Math.max(...classes.map(widthOf)));
  const top = 30;
  const cell = (WIDTH - left - 4) / Math.max(size, 4);
  const totals = totalsOf(confusion);
  const cells: Markup[] = [];
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const count = counts[row * size + column];
      const share = totals[row] > 0 ? count / totals[row] : 0;
      const [x, y] = [left + column * cell, top + row * cell];
      const kind = row === column ? "right" : "wrong";
      // Few errors are what one looks for: the root makes them visible.
      const strength = round(100 * STRONGEST * (row === column ? share : Math.sqrt(share))) / 100;
      const text =
        size <= MOST_COUNTED && count > 0
          ? label(x + cell / 2, y + cell / 2 + 4, briefly(count), "middle", "count")
          : null;
      cells.push(
        markup`<g><title>${classes[row]} taken for ${classes[column]}: ${exact(count)}</title><rect class="cell ${kind}" x="${round(x)}" y="${round(y)}" width="${round(cell - 1)}" height="${round(cell - 1)}" fill-opacity="${Number.isFinite(strength) ? strength : 0}"/>${text}</g>`,
      );
    }
  }
  const letters = lettersIn(cell);
  const every = Math.max(
    1,
    Math.ceil(
      size /
        Math.max(
          1,
          Math.floor(
            (WIDTH - left) / (LETTER * Math.min(4, Math.max(...classes.map((name) => name.length))) + 3),
          ),
        ),
    ),
  );
  const heads = classes.map((name, i) => {
    const at = (i + 0.5) * cell;
    const across =
      i % every === 0
        ? label(left + at, top - 5, clip(name, Math.max(2, letters * every)), "middle", "name")
        : null;
    return [across, label(left - 5, top + at + 4, clip(name, lettersIn(left - 24)), "end", "name")];
  });
  const height = top + size * cell;
  const axes = [
    label(left + (size * cell) / 2, 11, "predicted", "middle"),
    markup`<text class="tick" transform="translate(10 ${round(top + (size * cell) / 2)}) rotate(-90)" text-anchor="middle">target</text>`,
  ];
  const description = describe(confusion);
  return {
    title,
    description,
    svg: svgImage(title, description, height + 4, [...axes, ...heads, ...cells]),
    table: {
      head: ["target, predicted as", ...classes],
      rows: classes.map((name, row) => [
        name,
        ...classes.map((_, column) => exact(counts[row * size + column])),
      ]),
      lacks: null,
    },
    notes: [],
  };
}

function pairsFigure(title: string, confusion: Confusion, loader: string): Figure {
  const pairs = worstPairs(confusion, MOST_PAIRS);
  const names = pairs.map(({ target, predicted }) => `${target} taken for ${predicted}`);
  const left = Math.min(190, 10 + Math.max(0, ...names.map(widthOf)));
  const x = scaleLinear([0, pairs[0]?.count ?? 1], [left, WIDTH - 50]);
  const rows = pairs.map(({ count, share }, i) => {
    const y = 4 + i * ROW;
    const text = clip(names[i], lettersIn(left - 8));
    return markup`<g>${label(left - 6, y + 13, text, "end", "name")}<rect class="cell wrong" fill-opacity="${STRONGEST}" x="${left}" y="${y + 2}" width="${round(Math.max(1, x(count) - left))}" height="${ROW - 4}"><title>${names[i]}: ${exact(count)}, ${percent(share)}</title></rect>${label(x(count) + 5, y + 13, briefly(count))}</g>`;
  });
  const description = describe(confusion);
  const all = plural(confusion.classes.length, "class", "classes");
  return {
    title,
    description,
    svg: svgImage(
      title,
      description,
      8 + Math.max(1, pairs.length) * ROW,
      rows.length > 0 ? rows : label(8, 17, "no sample was taken for another class"),
    ),
    table: {
      head: ["target", "taken for", "samples", "of the target's"],
      rows: pairs.map(({ target, predicted, count, share }) => [
        target,
        predicted,
        exact(count),
        percent(share),
      ]),
      lacks: null,
    },
    notes: [`The ${pairs.length} most frequent confusions of ${all}; ${tableFile(loader)} has all.`],
  };
}

function describe(confusion: Confusion): string {
  const { classes, counts } = confusion;
  const all = counts.reduce((sum, count) => sum + (Number.isFinite(count) ? count : 0), 0);
  const right = classes.reduce((sum, _, i) => sum + counts[i * classes.length + i], 0);
  const worst = worstPairs(confusion, 3).map(
    ({ target, predicted, count }) => `${target} for ${predicted} (${exact(count)})`,
  );
  const most =
    worst.length === 0 ? "No class was taken for another." : `Most often confused: ${worst.join(", ")}.`;
  return `${plural(classes.length, "class", "classes")}; ${exact(right)} of ${exact(all)} samples are right. ${most}`;
}

/** The most frequent confusions, most frequent first. */
function worstPairs(confusion: Confusion, most: number): Pair[] {
  const { classes, counts } = confusion;
  const totals = totalsOf(confusion);
  const pairs: Pair[] = [];
  for (let i = 0; i < counts.length; i++) {
    const [row, column] = [Math.floor(i / classes.length), i % classes.length];
    if (row === column || !(counts[i] > (pairs.length < most ? 0 : pairs[most - 1].count))) continue;
    pairs.push({
      target: classes[row],
      predicted: classes[column],
      count: counts[i],
      share: counts[i] / totals[row],
    });
    pairs.sort((a, b) => b.count - a.count);
    if (pairs.length > most) pairs.pop();
  }
  return pairs;
}

/** Samples of each target. */
function totalsOf({ classes, counts }: Confusion): number[] {
  return classes.map((_, row) => {
    return counts
      .subarray(row * classes.length, (row + 1) * classes.length)
      .reduce((sum, count) => sum + count, 0);
  });
}

function briefly(count: number): string {
  return count < 10_000 ? String(Number(count.toPrecision(4))) : `${Math.round(count / 1000)}k`;
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${Number((100 * share).toPrecision(3))} %` : "-";
}
