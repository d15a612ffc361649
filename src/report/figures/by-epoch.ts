// The chart of numbers by epoch: a line a series, the run's stages behind, the best epoch marked. What is no finite
// number is a gap in its line with a cross at the bottom, and is said below.
import { max } from "d3-array";
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { clip, type Markup, markup } from "../markup.js";
import { exact, short } from "../numbers.js";
import type { StageSpan } from "../record/run-report.js";
import type { EpochChart, Series } from "./epoch-chart.js";
import { describe, gaps, nameOf, tableOf } from "./epoch-words.js";
import { type Figure, label, lettersIn, path, round, svgImage, WIDTH, widthOf } from "./figure.js";
import { legend, lookClass, markPath } from "./legend.js";
import { type Point, thin } from "./thin.js";
import { drawable, type Scale, type ValueScale, valueScale } from "./value-scale.js";

const HEIGHT = 150;
const RIGHT = WIDTH - 8;
/** Epochs are counted over all stages. */
const EPOCH_WORDS = "epoch of the run";
/** Epochs up to which each has its mark. */
const MOST_MARKS = 40;
/** Stages up to which they are drawn; of more, only their boundaries could be seen, as a grey area. */
const MOST_STAGES = 60;
/** A name of a stage that is cut shorter says nothing. */
const LEAST_LETTERS = 6;

/** Where the lines are. */
interface Plot {
  readonly left: number;
  readonly top: number;
  readonly bottom: number;
  /** From epochs to places; the plot has half an epoch more on either side. */
  readonly x: Scale;
}

/** Draws the chart. */
export function byEpoch(chart: EpochChart): Figure {
  const { title, series, stages } = chart;
  const epochs = max(series, ({ values }) => values.length) ?? 0;
  const keys = legend(series);
  const top = keys.height + (stages.length > 0 ? 20 : 8);
  const bottom = top + HEIGHT;
  const scale = valueScale(series, bottom, top);
  const left = 10 + Math.max(24, ...(scale?.ticks ?? []).map((tick) => widthOf(short(tick))));
  const x = scaleLinear([0.5, Math.max(1, epochs) + 0.5], [left, RIGHT]);
  const plot = { left, top, bottom, x };
  const description = describe(chart, epochs, scale?.isLog ?? false);
  const content = [
    ...keys.content,
    ...stageBands(stages, plot),
    ...epochAxis(epochs, plot),
    ...(scale === null
      ? [label((left + RIGHT) / 2, (top + bottom) / 2, "no finite value", "middle", "name")]
      : [
          ...valueAxis(scale, plot),
          bestLine(chart, scale.y, plot),
          ...series.map((each) => drawn(each, scale.y, plot)),
        ]),
    ...series.map((each) => crosses(each, plot)),
  ];
  return {
    title,
    description,
    svg: svgImage(title, description, bottom + 32, content),
    table: tableOf(chart, epochs),
    notes: [...(chart.notes ?? []), ...(scale?.isLog ? ["Logarithmic scale."] : []), ...gaps(series)],
  };
}

function valueAxis({ y, ticks }: ValueScale, { left }: Plot): Markup[] {
  return ticks.flatMap((tick) => [
    path("grid", `M${left} ${round(y(tick))}H${RIGHT}`),
    label(left - 5, y(tick) + 4, short(tick), "end"),
  ]);
}

function epochAxis(epochs: number, { left, bottom, x }: Plot): Markup[] {
  const room = (RIGHT - left) / (widthOf(short(epochs)) + 8);
  const choices = [8, 6, 4, 3, 2, 1].map((count) => x.ticks(Math.min(count, Math.max(1, epochs))));
  const whole = choices.map((ticks) => ticks.filter((tick) => Number.isInteger(tick) && tick >= 1));
  const ticks = whole.find(({ length }) => length > 0 && length <= room) ?? [1];
  return [
    path("axis", `M${left} ${round(bottom)}H${RIGHT}`),
    ...ticks.map((tick) => {
      const text = short(tick);
      return label(Math.min(x(tick), WIDTH - widthOf(text) / 2), bottom + 14, text, "middle");
    }),
    label((left + RIGHT) / 2, bottom + 28, EPOCH_WORDS, "middle"),
  ];
}

function stageBands(stages: readonly StageSpan[], { top, bottom, x }: Plot): Markup[] {
  if (stages.length > MOST_STAGES) return [];
  return stages.map(({ stage, from, to }, i) => {
    const [left, right] = [x(from - 0.5), x(to + 0.5)];
    const name = nameOf(stage);
    const letters = lettersIn(right - left - 4);
    const isTold = letters >= Math.min(LEAST_LETTERS, name.length);
    const boundary = path("boundary", `M${round(left)} ${round(top - 14)}V${round(bottom)}`);
    const size = markup`width="${round(right - left)}" height="${round(bottom - top)}"`;
    return markup`<g><title>${name}</title><rect class="band${i % 2 === 1 ? " odd" : ""}" x="${round(left)}" y="${round(top)}" ${size}/>${i === 0 ? null : boundary}${isTold ? label((left + right) / 2, top - 5, clip(name, letters), "middle") : null}</g>`;
  });
}

/** The line at the best epoch; its word is where the marked values are not. */
function bestLine({ best, series }: EpochChart, y: Scale, { top, bottom, x }: Plot): Markup {
  if (best === null) return markup``;
  const at = round(x(best));
  const isRight = at > RIGHT - 30;
  const marked = series.flatMap(({ values }) => values[best - 1] ?? []).filter(Number.isFinite);
  const isLow = marked.every((value) => y(drawable(value)) > (top + bottom) / 2);
  const word = label(
    at + (isRight ? -4 : 4),
    isLow ? top + 12 : bottom - 5,
    "best",
    isRight ? "end" : "start",
  );
  return markup`${path("best", `M${at} ${round(top)}V${round(bottom)}`)}${word}`;
}

function drawn({ name, look, values, best }: Series, y: Scale, { left, x }: Plot): Markup {
  const points = values.flatMap((value, i): Point[] => (value === null ? [] : [{ x: i + 1, y: value }]));
  const isThere = (point: Point | undefined) => point !== undefined && Number.isFinite(point.y);
  const across = (point: Point) => round(x(point.x));
  const down = (point: Point) => round(y(drawable(point.y)));
  const isMarked = (point: Point, i: number) =>
    isThere(point) && (points.length <= MOST_MARKS || !(isThere(points[i - 1]) || isThere(points[i + 1])));
  const marks = points.filter(isMarked).map((point) => {
    const title = `${name}, epoch ${point.x}: ${exact(point.y)}`;
    return markup`<path class="mark" transform="translate(${across(point)} ${down(point)})" d="${markPath(look)}"><title>${title}</title></path>`;
  });
  const rings = points
    .filter((point) => point.x === best && isThere(point))
    .map((point) => {
      const title = `${name}, best epoch ${point.x}: ${exact(point.y)}`;
      return markup`<circle class="ring" cx="${across(point)}" cy="${down(point)}" r="6"><title>${title}</title></circle>`;
    });
  const curve = line<Point>().defined(isThere).x(across).y(down).digits(1);
  const data = curve(thin(points, RIGHT - left)) ?? "";
  return markup`<g class="${lookClass(look)}">${path("line", data)}${marks}${rings}</g>`;
}

/** At the bottom, where a value is no finite number. */
function crosses({ look, values }: Series, { bottom, x }: Plot): Markup {
  const at = values.flatMap((value, i) => (value === null || Number.isFinite(value) ? [] : [i + 1]));
  const places = [...new Set(at.map((epoch) => Math.round(x(epoch))))];
  if (places.length === 0) return markup``;
  const data = places.map((place) => `M${place - 3} ${round(bottom - 9)}l6 6m0 -6l-6 6`).join("");
  return path(`cross ${lookClass(look)}`, data);
}
