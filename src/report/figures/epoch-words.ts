// What a chart of numbers by epoch says in words, and as a table.
import { max, min } from "d3-array";
import { exact, listed, plural, ranges } from "../numbers.js";
import type { StageSpan } from "../record/run-report.js";
import type { EpochChart, Series } from "./epoch-chart.js";
import type { Table } from "./figure.js";
import { evenly } from "./thin.js";

/** Rows of the table: more are left to the run's own tables. */
const MOST_ROWS = 100;
/** Lines and stages that are told in words. */
const MOST_NAMED = 8;

/** `warm (epochs 1 to 3) and main (epoch 4)` */
export function stageWords(stages: readonly StageSpan[]): string {
  const spans = stages.slice(0, MOST_NAMED).map(({ stage, from, to }) => {
    return `${nameOf(stage)} (${from === to ? `epoch ${from}` : `epochs ${from} to ${to}`})`;
  });
  return stages.length > MOST_NAMED ? `${spans.join(", ")} and others` : listed(spans);
}

/** A stage as it is called where it has no name. */
export function nameOf(stage: string | null): string {
  return stage ?? "stage not known";
}

/** The chart in whole sentences. */
export function describe({ series, stages, best }: EpochChart, epochs: number, isLog: boolean): string {
  const lines = series.slice(0, MOST_NAMED).map(({ name, values }) => {
    const finite = values.filter((value): value is number => value !== null && Number.isFinite(value));
    if (finite.length === 0) return `${name} has no finite value.`;
    const ends = `${name} goes from ${exact(finite[0])} to ${exact(finite.at(-1))}`;
    return `${ends}; its lowest value is ${exact(min(finite))}, its highest ${exact(max(finite))}.`;
  });
  return [
    `Lines by epoch, ${plural(epochs, "epoch")}${isLog ? ", on a logarithmic scale" : ""}.`,
    ...lines,
    ...(series.length > MOST_NAMED ? [`And ${plural(series.length - MOST_NAMED, "more line")}.`] : []),
    ...(stages.length > 0 ? [`Stages: ${stageWords(stages)}.`] : []),
    ...(best === null ? [] : [`The best epoch is ${best}.`]),
  ].join(" ");
}

/** A row an epoch; of many epochs some, the best among them. */
export function tableOf({ series, stages }: EpochChart, epochs: number): Table {
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
    lacks:
      rows.length < epochs
        ? `${exact(rows.length)} of the ${exact(epochs)} epochs; the run's tables of metrics have all.`
        : null,
  };
}

/** `train and valid are NaN in epochs 3 to 5.` */
export function gaps(series: readonly Series[]): string[] {
  const names = new Map<string, string[]>();
  for (const { name, values } of series) {
    for (const kind of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const at = values.flatMap((value, i) => (Object.is(value, kind) ? [i + 1] : []));
      if (at.length === 0) continue;
      const said = `${kind} in ${at.length === 1 ? "epoch" : "epochs"} ${ranges(at)}.`;
      names.set(said, [...(names.get(said) ?? []), name]);
    }
  }
  return [...names].map(([said, of]) => `${listed(of)} ${of.length === 1 ? "is" : "are"} ${said}`);
}
