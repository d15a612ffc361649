// The chart of numbers by epoch: a line a series, the run's stages behind, the best epoch marked. What is no finite
// number is a gap in its line with a cross at the bottom, and is said below.
import { extent, max, min } from "d3-array";
import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from "d3-scale";
import { line } from "d3-shape";
import { clip, type Markup, markup } from "../markup.js";
import { exact, listed, plural, ranges, short } from "../numbers.js";
import type { StageSpan } from "../record/run-report.js";
import { type Figure, label, lettersIn, round, svgImage, type Table, WIDTH } from "./figure.js";
import { type Look, legend, lookClass, markPath } from "./legend.js";
import { evenly, type Point, thin } from "./thin.js";

export interface Series {
  readonly name: string;
  readonly look: Look;
  /** The value of each epoch, the first at index 0; null where it was not measured. */
  readonly values: readonly (number | null)[];
  /** The epoch to mark, from 1; null for none. */
  readonly best: number | null;
}

export interface EpochChart {
  readonly title: string;
  readonly series: readonly Series[];
  /** Stages that all series share; empty where they do not. */
  readonly stages: readonly StageSpan[];
  /** The epoch where a line is drawn from top to bottom; null for none. */
  readonly best: number | null;
  readonly notes?: readonly string[];
}

const PLOT = { left: 46, right: WIDTH - 8, height: 150 };
/** Epochs are counted over all stages. */
const EPOCH_WORDS = "epoch of the run";
/** Epochs up to which each has its mark. */
const MOST_MARKS = 40;
/** Rows of the table: more are left to the run's own tables. */
const MOST_ROWS = 100;
/** Values of so many times the least and more are drawn on a logarithmic scale. */
const LOGARITHMIC = 100;

/** What is larger is drawn as this large: differences of larger numbers overflow. */
const LARGEST = 1e300;
/** Stages up to which they are drawn; of more, only their boundaries could be seen, as a grey area. */
const MOST_STAGES = 60;

/** Draws the chart. */
export function byEpoch(chart: EpochChart): Figure {
  const { title, series, stages } = chart;
  const epochs = max(series, ({ values }) => values.length) ?? 0;
  const keys = legend(series);
  const top = keys.height + (stages.length > 0 ? 20 : 8);
  const bottom = top + PLOT.height;
  const x = scaleLinear([0.5, Math.max(1, epochs) + 0.5], [PLOT.left, PLOT.right]);
  const scale = valueScale(series, bottom, top);
  const description = describe(chart, epochs, scale?.isLog ?? false);
  const content = [
    ...keys.content,
    ...stageBands(stages, x, top, bottom),
    ...epochAxis(x, epochs, bottom),
    ...(scale === null
      ? [label((PLOT.left + PLOT.right) / 2, (top + bottom) / 2, "no finite value", "middle", "name")]
      : [
          ...valueAxis(scale),
          bestLine(chart, x, scale.y, top, bottom),
          ...series.map((each) => drawn(each, x, scale.y)),
        ]),
    ...series.map((each) => crosses(each, x, bottom)),
  ];
  return {
    title,
    description,
    svg: svgImage(title, description, bottom + 32, content),
    table: tableOf(chart, epochs),
    notes: [
      ...(chart.notes ?? []),
      ...(scale?.isLog ? ["Logarithmic scale."] : []),
      ...gaps(series),
      ...shortened(epochs),
    ],
  };
}

function drawable(value: number): number {
  return Math.max(-LARGEST, Math.min(LARGEST, value));
}

type Scale = ScaleContinuousNumeric<number, number>;

interface ValueScale {
  readonly y: Scale;
  readonly isLog: boolean;
  readonly ticks: readonly number[];
}

function valueScale(series: readonly Series[], bottom: number, top: number): ValueScale | null {
  const finite = series.flatMap(({ values }) =>
    values.filter((value) => value !== null && Number.isFinite(value)),
  );
  const [low, high] = extent((finite as number[]).map(drawable));
  if (low === undefined || high === undefined) return null;
  if (low > 1 / LARGEST && high / low >= LOGARITHMIC) {
    const y = scaleLog([low, high], [bottom - 6, top + 6]).nice();
    const [from, to] = y.domain().map((value) => Math.round(Math.log10(value)));
    const step = Math.max(1, Math.ceil((to - from) / 5));
    const ticks = Array.from(
      { length: Math.floor((to - from) / step) + 1 },
      (_, i) => 10 ** (from + i * step),
    );
    return { y, isLog: true, ticks };
  }
  const isFlat = high - low <= Math.abs(high) * 1e-9;
  const padding = isFlat ? Math.abs(high) / 20 || 0.5 : (high - low) / 20;
  const y = scaleLinear([low - padding, high + padding], [bottom, top]);
  const ticks = y.ticks(5).filter(Number.isFinite);
  return { y, isLog: false, ticks: ticks.length > 0 ? ticks : [low] };
}

function valueAxis({ y, ticks }: ValueScale): Markup[] {
  return ticks.map(
    (tick) =>
      markup`<path class="grid" d="M${PLOT.left} ${round(y(tick))}H${PLOT.right}"/>${label(PLOT.left - 5, y(tick) + 4, short(tick), "end")}`,
  );
}

function epochAxis(x: Scale, epochs: number, bottom: number): Markup[] {
  const ticks = x
    .ticks(Math.min(8, Math.max(1, epochs)))
    .filter((tick) => Number.isInteger(tick) && tick >= 1);
  return [
    markup`<path class="axis" d="M${PLOT.left} ${round(bottom)}H${PLOT.right}"/>`,
    ...(ticks.length > 0 ? ticks : [1]).map((tick) => label(x(tick), bottom + 14, short(tick), "middle")),
    label((PLOT.left + PLOT.right) / 2, bottom + 28, EPOCH_WORDS, "middle"),
  ];
}

function stageBands(stages: readonly StageSpan[], x: Scale, top: number, bottom: number): Markup[] {
  if (stages.length > MOST_STAGES) return [];
  return stages.map(({ stage, from, to }, i) => {
    const [left, right] = [x(from - 0.5), x(to + 0.5)];
    const name = stage ?? "stage not known";
    const letters = lettersIn(right - left - 4);
    const text = letters < 3 ? "" : clip(name, letters);
    return markup`<g><title>${name}</title><rect class="band${i % 2 === 1 ? " odd" : ""}" x="${round(left)}" y="${round(top)}" width="${round(right - left)}" height="${round(bottom - top)}"/>${i === 0 ? null : markup`<path class="boundary" d="M${round(left)} ${round(top - 14)}V${round(bottom)}"/>`}${text === "" ? null : label((left + right) / 2, top - 5, text, "middle")}</g>`;
  });
}

/** The line at the best epoch; its word is where the marked values are not. */
function bestLine({ best, series }: EpochChart, x: Scale, y: Scale, top: number, bottom: number): Markup {
  if (best === null) return markup``;
  const at = round(x(best));
  const anchor = at > PLOT.right - 30 ? "end" : "start";
  const marked = series.flatMap(({ values }) => values[best - 1] ?? []).filter(Number.isFinite);
  const isLow = marked.every((value) => y(drawable(value)) > (top + bottom) / 2);
  return markup`<path class="best" d="M${at} ${round(top)}V${round(bottom)}"/>${label(at + (anchor === "end" ? -4 : 4), isLow ? top + 12 : bottom - 5, "best", anchor)}`;
}

function drawn({ name, look, values, best }: Series, x: Scale, y: Scale): Markup {
  const points = values.flatMap((value, i): Point[] => (value === null ? [] : [{ x: i + 1, y: value }]));
  const isThere = ({ y: value }: Point) => Number.isFinite(value);
  const path = line<Point>()
    .defined(isThere)
    .x((point) => x(point.x))
    .y((point) => y(drawable(point.y)))
    .digits(1);
  const isAlone = (_: Point, i: number) =>
    [points[i - 1], points[i + 1]].every((next) => !next || !isThere(next));
  const marked = points.filter(
    (point, i) => isThere(point) && (points.length <= MOST_MARKS || isAlone(point, i)),
  );
  const marks = marked.map(
    (point) =>
      markup`<path class="mark" transform="translate(${round(x(point.x))} ${round(y(drawable(point.y)))})" d="${markPath(look)}"><title>${name}, epoch ${point.x}: ${exact(point.y)}</title></path>`,
  );
  const at = points.find((point) => point.x === best && isThere(point));
  const ring =
    at === undefined
      ? null
      : markup`<circle class="ring" cx="${round(x(at.x))}" cy="${round(y(drawable(at.y)))}" r="6"><title>${name}, best epoch ${at.x}: ${exact(at.y)}</title></circle>`;
  return markup`<g class="${lookClass(look)}"><path class="line" d="${path(thin(points, PLOT.right - PLOT.left)) ?? ""}"/>${marks}${ring}</g>`;
}

/** At the bottom, where a value is no finite number. */
function crosses({ look, values }: Series, x: Scale, bottom: number): Markup {
  const at = values.flatMap((value, i) => (value === null || Number.isFinite(value) ? [] : [i + 1]));
  const places = [...new Set(at.map((epoch) => Math.round(x(epoch))))];
  if (places.length === 0) return markup``;
  const path = places.map((place) => `M${place - 3} ${round(bottom - 9)}l6 6m0 -6l-6 6`).join("");
  return markup`<path class="cross ${lookClass(look)}" d="${path}"/>`;
}

function gaps(series: readonly Series[]): string[] {
  return series.flatMap(({ name, values }) => {
    const kinds = [...new Set(values.filter((value) => value !== null && !Number.isFinite(value)))];
    return kinds.map((kind) => {
      const at = values.flatMap((value, i) => (Object.is(value, kind) ? [i + 1] : []));
      return `${name} is ${kind} in ${at.length === 1 ? "epoch" : "epochs"} ${ranges(at)}.`;
    });
  });
}

function describe({ series, stages, best }: EpochChart, epochs: number, isLog: boolean): string {
  const lines = series.slice(0, 8).map(({ name, values }) => {
    const finite = values.filter((value): value is number => value !== null && Number.isFinite(value));
    if (finite.length === 0) return `${name} has no finite value.`;
    const ends = `${name} goes from ${exact(finite[0])} to ${exact(finite.at(-1))}`;
    return `${ends}; its lowest value is ${exact(min(finite))}, its highest ${exact(max(finite))}.`;
  });
  const spans = stages.slice(0, 8).map(({ stage, from, to }) => {
    return `${stage ?? "not known"} (${from === to ? `epoch ${from}` : `epochs ${from} to ${to}`})`;
  });
  return [
    `Lines by epoch, ${plural(epochs, "epoch")}${isLog ? ", on a logarithmic scale" : ""}.`,
    ...lines,
    ...(series.length > 8 ? [`And ${plural(series.length - 8, "more line")}.`] : []),
    ...(spans.length > 0 ? [`Stages: ${listed(spans)}${stages.length > 8 ? " and others" : ""}.`] : []),
    ...(best === null ? [] : [`The best epoch is ${best}.`]),
  ].join(" ");
}

function tableOf({ series, stages }: EpochChart, epochs: number): Table {
  const marked = series.flatMap(({ best }) => (best === null ? [] : [best - 1]));
  const stageAt = (epoch: number) =>
    stages.find(({ from, to }) => from <= epoch && epoch <= to)?.stage ?? "-";
  const rows = evenly(epochs, MOST_ROWS, marked).map((i) => [
    String(i + 1),
    ...(stages.length > 0 ? [stageAt(i + 1)] : []),
    ...series.map(({ values, best }) => `${exact(values[i])}${best === i + 1 ? " (best)" : ""}`),
  ]);
  return {
    head: ["epoch", ...(stages.length > 0 ? ["stage"] : []), ...series.map(({ name }) => name)],
    rows,
  };
}

function shortened(epochs: number): string[] {
  return epochs > MOST_ROWS
    ? [
        `The table below has about ${MOST_ROWS} of the ${exact(epochs)} epochs; the run's .csv files have all.`,
      ]
    : [];
}
