// Which metrics get a chart by epoch, in which order, and which are one and the same: at micro average precision, recall
// and accuracy are one number, and one chart is enough for it.
import { exact, plural } from "../numbers.js";
import { isTraining, judgingLoader, type RunReport, shownEpoch, stageSpans } from "../record/run-report.js";
import { byEpoch } from "./by-epoch.js";
import { isByClass } from "./class-names.js";
import type { Series } from "./epoch-chart.js";
import type { Figure, Table } from "./figure.js";
import type { Look } from "./legend.js";

/** Charts of a page: of more metrics the numbers are in a table. */
const MOST_CHARTS = 24;
/** Lines of a chart. */
const MOST_LINES = 12;
/** Rows of the table of metrics that have no chart. */
const MOST_ROWS = 400;
/** Metrics that are settings, and have charts of their own. */
const isRate = (name: string) => /^(lr|learning_rate)(\/|_|$)/.test(name);

/** Charts of the runs' metrics, and the names that they leave out. */
export function metricFigures(runs: readonly RunReport[]): {
  readonly figures: readonly Figure[];
  readonly left: readonly string[];
} {
  const groups = metricGroups(runs);
  const figures = groups.slice(0, MOST_CHARTS).map(([name, ...same]) => metricFigure(name, same, runs));
  return { figures, left: groups.slice(MOST_CHARTS).flat() };
}

/** The chart of the learning rates; null when no run tells of one. */
export function rateFigure(runs: readonly RunReport[]): Figure | null {
  const rates = metricNames(runs).filter(isRate);
  if (rates.length === 0) return null;
  const lines = rates.flatMap((rate) =>
    linesOf(runs, (run, loader) => valuesOf(run, loader, rate)).map((line) => ({
      ...line,
      name: nameLine(rates.length > 1 ? rate : null, line.loader, runs.length > 1 ? line.run : null),
      best: null,
    })),
  );
  return chart("Learning rate", lines, runs, false);
}

/** The chart of samples a second. */
export function speedFigure(runs: readonly RunReport[]): Figure | null {
  const lines = linesOf(runs, (run, loader) =>
    run.epochs.map(({ loaders }) => loaders.get(loader)?.samplesPerSecond ?? null),
  );
  if (lines.length === 0) return null;
  return chart(
    "Samples a second, all workers together",
    lines.map((line) => ({ ...line, best: null })),
    runs,
    false,
  );
}

/** What the metrics without a chart are in the shown epoch, by loader. */
export function metricTable(run: RunReport, names: readonly string[]): Table {
  const epoch = shownEpoch(run);
  const loaders = run.loaders.filter((key) => epoch?.loaders.has(key));
  const rows = names
    .slice(0, MOST_ROWS)
    .map((name) => [name, ...loaders.map((key) => exact(epoch?.loaders.get(key)?.metrics.get(name)))]);
  const more = names.length - rows.length;
  return {
    head: ["metric", ...loaders],
    rows,
    lacks: more > 0 ? `${plural(more, "more metric")} are in the run's tables of metrics.` : null,
  };
}

/** Names of metrics that are neither of one class nor a setting; those that are the same everywhere are together. */
export function metricGroups(runs: readonly RunReport[]): [string, ...string[]][] {
  return sameEverywhere(
    metricNames(runs).filter((name) => !isByClass(name) && !isRate(name)),
    runs,
  );
}

/** Names of metrics: the loss first, then what the best epoch was chosen by, then as they came. */
function metricNames(runs: readonly RunReport[]): string[] {
  const watched = runs.flatMap(({ best }) => (best === null ? [] : [best.metric]));
  const found = new Set<string>(["loss", ...watched]);
  const all = new Set<string>();
  for (const { epochs } of runs) {
    for (const { loaders } of epochs) {
      for (const { metrics } of loaders.values()) for (const name of metrics.keys()) all.add(name);
    }
  }
  for (const name of all) found.add(name);
  return [...found].filter((name) => all.has(name));
}

function metricFigure(name: string, same: readonly string[], runs: readonly RunReport[]): Figure {
  const lines = linesOf(runs, (run, loader) => valuesOf(run, loader, name));
  const notes = same.length === 0 ? [] : [`The same: ${same.join(", ")}.`];
  return chart(name, lines, runs, true, notes);
}

interface Line extends Series {
  readonly run: string;
  readonly loader: string;
}

/** A line for each loader of each run that has such values. */
function linesOf(
  runs: readonly RunReport[],
  values: (run: RunReport, loader: string) => readonly (number | null)[],
): Line[] {
  const loaders = [...new Set(runs.flatMap((run) => run.loaders))];
  const lines = runs.flatMap((run, i) =>
    run.loaders.map((loader): Line => {
      const place = loaders.indexOf(loader);
      const look: Look =
        runs.length === 1 ? { colour: place, dash: 0 } : { colour: i, dash: isTraining(loader) ? 1 : 0 };
      const best = judgingLoader(run) === loader ? (run.best?.step ?? null) : null;
      const name = nameLine(null, loader, runs.length > 1 ? run.name : null);
      return { run: run.name, loader, name, look, values: values(run, loader), best };
    }),
  );
  return lines.filter((line) => line.values.some((value) => value !== null));
}

function nameLine(rate: string | null, loader: string, run: string | null): string {
  return [run, rate, loader].filter((word) => word !== null).join(" ");
}

function valuesOf(run: RunReport, loader: string, name: string): (number | null)[] {
  return run.epochs.map(({ loaders }) => loaders.get(loader)?.metrics.get(name) ?? null);
}

function chart(
  title: string,
  lines: readonly Line[],
  runs: readonly RunReport[],
  hasBest: boolean,
  notes: readonly string[] = [],
): Figure {
  // Of many runs the lines that judge them matter most.
  const judging = lines.filter(({ loader }) => !isTraining(loader));
  const chosen = lines.length > MOST_LINES && judging.length > 0 ? judging : lines;
  const series = chosen.slice(0, MOST_LINES);
  const left = lines.length - series.length;
  return byEpoch({
    title,
    series,
    stages: sharedStages(runs),
    best: hasBest && runs.length === 1 ? (runs[0].best?.step ?? null) : null,
    notes: left > 0 ? [...notes, `${plural(left, "line")} left out: too many for one chart.`] : notes,
  });
}

/** The stages, where all runs have the same epochs of the same stages. */
function sharedStages(runs: readonly RunReport[]) {
  const [first, ...others] = runs.map(({ epochs }) => stageSpans(epochs));
  const isShared = others.every((spans) => JSON.stringify(spans) === JSON.stringify(first));
  return isShared && first.some(({ stage }) => stage !== null) ? first : [];
}

/** Groups of names whose values are the same in every epoch of every loader. */
function sameEverywhere(names: readonly string[], runs: readonly RunReport[]): [string, ...string[]][] {
  const groups = new Map<string, [string, ...string[]]>();
  for (const name of names) {
    const values = runs.map((run) =>
      run.loaders.map((loader) =>
        valuesOf(run, loader, name)
          .map((value) => (value === null ? "-" : value.toPrecision(12)))
          .join(),
      ),
    );
    const key = JSON.stringify(values);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [name]);
    else group.push(name);
  }
  return [...groups.values()];
}
