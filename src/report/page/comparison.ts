// Several runs side by side: a table of what they are and came to, a column each, and their curves over each other.

import { metricFigures, metricGroups, rateFigure, speedFigure } from "../figures/metrics.js";
import { type Markup, markup } from "../markup.js";
import { duration, exact, plural } from "../numbers.js";
import {
  batchesLeftOut,
  judgingLoader,
  type RunReport,
  shownEpoch,
  trainingSpeed,
} from "../record/run-report.js";
import { chartSection, name } from "./parts.js";
import { STATUS_WORDS } from "./run-sections.js";

/** Metrics in the table: of more, the charts tell. */
const MOST_METRICS = 12;

/** The table and the curves of these runs, two or more. */
export function comparison(runs: readonly RunReport[]): Markup {
  return markup`<section><h2>Side by side</h2>
<p class="note">Metrics are those of the best epoch, or of the last where none is the best. What is not the same for all runs is marked with ≠.</p>
<div class="card"><div class="scroll whole" tabindex="0" role="group" aria-label="Side by side"><table class="compare"><thead><tr><th scope="col">run</th>${runs.map((run) => markup`<th scope="col">${name(run.name)}</th>`)}</tr></thead><tbody>
${rowsOf(runs).map(tableRow)}</tbody></table></div></div></section>
${chartSection("Loss and metrics by epoch", metricFigures(runs).figures)}
${chartSection("Learning rate and speed", [rateFigure(runs), speedFigure(runs)])}`;
}

interface Row {
  readonly title: string;
  readonly cells: readonly string[];
}

function tableRow({ title, cells }: Row): Markup {
  const differs = cells.some((cell) => cell !== cells[0]);
  return markup`<tr${differs ? markup` class="differs"` : null}><th scope="row">${differs ? "≠ " : null}${name(title)}</th>${cells.map((cell) => markup`<td>${name(cell)}</td>`)}</tr>\n`;
}

function rowsOf(runs: readonly RunReport[]): Row[] {
  const row = (title: string, cell: (run: RunReport) => string): Row => ({ title, cells: runs.map(cell) });
  return [
    row("status", ({ status }) => STATUS_WORDS[status]),
    ...(runs.some(({ error }) => error !== null) ? [row("error", ({ error }) => error ?? "-")] : []),
    row("recipe", ({ recipe }) => recipe ?? "-"),
    row("dataset", ({ dataset }) => dataset ?? "-"),
    row("engine", ({ engine }) => engine ?? "-"),
    row("workers", ({ worldSize }) => exact(worldSize)),
    row("epochs", ({ epochs }) => exact(epochs.length)),
    row("best", ({ best }) =>
      best === null ? "-" : `${best.metric} ${exact(best.score)} in stage ${best.stage}, epoch ${best.epoch}`,
    ),
    ...metricGroups(runs)
      .slice(0, MOST_METRICS)
      .map(([metric]) => row(metric, (run) => exact(shownMetric(run, metric)))),
    row("wall time", ({ wallSeconds }) => duration(wallSeconds)),
    row("training samples/s", (run) => exact(rounded(trainingSpeed(run)))),
    row("restarts", ({ restarts }) => exact(restarts)),
    row("batches left out", (run) => exact(batchesLeftOut(run))),
    row("weights (SHA-256)", ({ weightsSha256 }) =>
      weightsSha256 === null ? "-" : `${weightsSha256.slice(0, 16)}…`,
    ),
    ...settingRows(runs),
  ];
}

/** Options and versions that are not the same in all runs. */
function settingRows(runs: readonly RunReport[]): Row[] {
  const settings = runs.map(
    ({ setup }) =>
      new Map<string, string>([
        ...[...(setup?.options ?? [])].map(
          ([key, value]) => [`option ${key}`, JSON.stringify(value) ?? "-"] as const,
        ),
        ...[...(setup?.versions ?? [])].map(([key, value]) => [`version of ${key}`, value] as const),
      ]),
  );
  const names = [...new Set(settings.flatMap((each) => [...each.keys()]))];
  return names
    .filter((key) => key !== "option logdir" && key !== "option overwrite")
    .map((title) => ({ title, cells: settings.map((each) => each.get(title) ?? "-") }))
    .filter(({ cells }) => cells.some((cell) => cell !== cells[0]));
}

function shownMetric(run: RunReport, metric: string): number | undefined {
  const loader = judgingLoader(run);
  const loaders = shownEpoch(run)?.loaders;
  const judged = loader === null ? undefined : loaders?.get(loader)?.metrics.get(metric);
  return (
    judged ??
    [...(loaders?.values() ?? [])]
      .map(({ metrics }) => metrics.get(metric))
      .find((value) => value !== undefined)
  );
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}

/** `3 runs: a, b, c` */
export function runsText(runs: readonly RunReport[]): string {
  return `${plural(runs.length, "run")}: ${runs.map((run) => run.name).join(", ")}`;
}
