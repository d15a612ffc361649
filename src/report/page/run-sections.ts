// One run on the page: how it ended and what came of it, then its charts, then how to do it again.

import { goOnCommand, repeatCommand } from "../commands.js";
import { classFigures, type Source } from "../figures/classes.js";
import { confusionFigures } from "../figures/confusion.js";
import { stageWords } from "../figures/epoch-words.js";
import { metricFigures, metricTable, rateFigure, speedFigure } from "../figures/metrics.js";
import { stageTimes } from "../figures/stage-times.js";
import { type Markup, markup } from "../markup.js";
import { duration, exact, plural, short } from "../numbers.js";
import {
  type BestEpoch,
  batchesLeftOut,
  isTraining,
  judgingLoader,
  type RunReport,
  shownEpoch,
  stageSpans,
  trainingSpeed,
} from "../record/run-report.js";
import { chartSection, factList, name, tableBlock } from "./parts.js";

/** What each status means, in words. */
export const STATUS_WORDS: Readonly<Record<RunReport["status"], string>> = {
  completed: "completed",
  failed: "failed",
  interrupted: "interrupted",
  unfinished: "not finished",
};

/** The status, the error, and the few numbers that one looks for first. */
export function overview(run: RunReport): Markup {
  const { status, error, notes } = run;
  return markup`<p><span class="status ${status}">${STATUS_WORDS[status]}</span></p>
${error === null ? null : markup`<p class="error"><strong>${status === "interrupted" ? "Why it ended" : "What broke"}:</strong> ${name(error)}</p>`}
${tiles(run)}
${notes.map((note) => markup`<p class="note">${name(note)}</p>`)}
`;
}

/** All figures of a run. */
export function chartSections(run: RunReport): Markup {
  const { figures, left } = metricFigures([run]);
  const epoch = shownEpoch(run);
  const sources = run.loaders.flatMap((loader): Source[] => {
    const metrics = epoch?.loaders.get(loader)?.metrics;
    return epoch === null || metrics === undefined ? [] : [{ loader, epoch: epoch.step, metrics }];
  });
  const judging = sources.filter(({ loader }) => !isTraining(loader));
  const byClass = (judging.length > 0 ? judging : sources).flatMap((source) => [
    ...classFigures(source),
    ...confusionFigures(source),
  ]);
  if (epoch === null) return markup`<p class="lead">No epoch was finished: there is nothing to draw.</p>`;
  return markup`${chartSection("Loss and metrics by epoch", figures, stagesNote(run))}
${left.length === 0 ? null : otherMetrics(run, left)}
${chartSection("By class", byClass)}
${chartSection("Learning rate, speed and time", [rateFigure([run]), speedFigure([run]), stageTimes(run)])}`;
}

/** How the run was started, on what, and what to type to have it again or to go on. */
export function setupSections(run: RunReport): Markup {
  const { setup } = run;
  const commands = [goOnCommand(run), repeatCommand(run)].flatMap((next) =>
    next === null
      ? []
      : [
          markup`<h3>${next.does}</h3><pre><code>${next.command}</code></pre>${next.lacks === null ? null : markup`<p class="note">${next.lacks}</p>`}`,
        ],
  );
  return markup`${commands.length === 0 ? null : markup`<section><h2>What to type next</h2><div class="card">${commands}</div></section>`}
<section><h2>The run</h2><div class="card">${factList([
    ["recipe", text(run.recipe)],
    ["dataset", text(run.dataset)],
    ["engine", text(setup?.engineDescription ?? run.engine)],
    ["workers", run.worldSize === null ? null : exact(run.worldSize)],
    ["started", text(setup?.started ?? null)],
    ["wall time", run.wallSeconds === null ? null : duration(run.wallSeconds)],
    ["restarts", run.restarts === null ? null : exact(run.restarts)],
    ["resumed", resumptions(run)],
    ["batches left out", leftOut(run)],
    ["best checkpoint", run.best?.path == null ? null : code(run.best.path)],
    ["weights (SHA-256)", run.weightsSha256 === null ? null : code(run.weightsSha256)],
    ["log folder", code(run.logdir)],
  ])}</div></section>
${setup === null ? null : environment(run, setup)}`;
}

function environment(run: RunReport, setup: NonNullable<RunReport["setup"]>): Markup {
  const options = [...setup.options].map(([key, value]) => [key, code(optionText(value))] as const);
  const skipped = setup.skipped.map(({ engine, reason }) => markup`<p>${name(engine)}: ${name(reason)}</p>`);
  return markup`<section><h2>The environment</h2><div class="card">${factList([
    ...[...setup.versions].map(([key, version]) => [key, name(version)] as const),
    ["engines passed over", skipped.length === 0 ? null : skipped],
  ])}
<details><summary>All options<span class="hidden"> of ${run.name}</span></summary>${factList(options)}</details></div></section>
`;
}

function tiles(run: RunReport): Markup {
  const { best, worldSize, engine, epochs, wallSeconds } = run;
  const speed = trainingSpeed(run);
  const found: [string, string, string][] = [];
  if (best !== null) {
    const of = [best.loader, best.metric].filter((word) => word !== null).join(" ");
    found.push([`best ${of}`, exact(best.score), placeOf(best)]);
  }
  const accuracy = accuracyOf(run);
  if (accuracy !== null) found.push(accuracy);
  found.push(["epochs", exact(epochs.length), stagesText(run)]);
  const workers = worldSize === null ? "" : workersText(worldSize, engine);
  if (wallSeconds !== null) found.push(["wall time", duration(wallSeconds), workers]);
  if (speed !== null) found.push(["training speed", `${short(speed)}/s`, "samples, all workers together"]);
  return markup`<dl class="tiles">${found.map(
    ([term, value, small]) =>
      markup`<div><dt>${name(term)}</dt><dd>${value}<small>${name(small)}</small></dd></div>`,
  )}</dl>`;
}

/** `epoch 6 of the run, 3 of stage unfreezed` */
function placeOf({ step, stage, epoch }: BestEpoch): string {
  const inStage = `${epoch} of stage ${stage}`;
  return step === null ? `epoch ${inStage}` : `epoch ${step} of the run, ${inStage}`;
}

/** The accuracy in the shown epoch, where the recipe measures one and the best was chosen by another metric. */
function accuracyOf(run: RunReport): [string, string, string] | null {
  const [epoch, loader] = [shownEpoch(run), judgingLoader(run)];
  const metric = ["accuracy01", "accuracy"].find(
    (key) => loader !== null && epoch?.loaders.get(loader)?.metrics.has(key),
  );
  if (epoch === null || loader === null || metric === undefined || run.best?.metric === metric) return null;
  const value = epoch.loaders.get(loader)?.metrics.get(metric);
  const place = epoch.step === run.best?.step ? "in the best epoch" : "in the last epoch";
  return [`${loader} accuracy`, exact(value), place];
}

/** Which epochs are those of which stage. */
function stagesNote({ epochs }: RunReport): string {
  const spans = stageSpans(epochs);
  return spans.some(({ stage }) => stage !== null) ? `Stages: ${stageWords(spans)}.` : "";
}

function otherMetrics(run: RunReport, names: readonly string[]): Markup {
  const title = `Other metrics in epoch ${shownEpoch(run)?.step ?? "-"}`;
  return markup`<div class="card"><h3>${title}</h3><details><summary>${plural(names.length, "metric")}</summary>${tableBlock(title, metricTable(run, names))}</details></div>`;
}

function resumptions({ setup }: RunReport): Markup[] | null {
  const resumed = setup?.resumed ?? [];
  if (resumed.length === 0) return null;
  return resumed.map(({ time, from, worldSize, engine }) => {
    const how = worldSize === null ? "" : ` with ${workersText(worldSize, engine)}`;
    return markup`<p>${name(time ?? "at a time not known")}${how}, from ${from === null ? "the beginning" : code(from)}</p>`;
  });
}

function leftOut(run: RunReport): string | null {
  const count = batchesLeftOut(run);
  if (count === null) return null;
  return count === 0 ? "0" : `${exact(count)}, since a loss or the gradient was not finite`;
}

function stagesText({ epochs, setup }: RunReport): string {
  const done = [...new Set(epochs.map(({ stage }) => stage).filter((stage) => stage !== null))];
  const planned = setup?.stages.length ?? done.length;
  return planned > done.length
    ? `${done.length} of ${plural(planned, "stage")}`
    : `in ${plural(done.length, "stage")}`;
}

function workersText(worldSize: number, engine: string | null): string {
  return `${plural(worldSize, "worker")}${engine === null ? "" : ` on ${engine}`}`;
}

function optionText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "-");
}

function text(value: string | null): Markup | null {
  return value === null ? null : name(value);
}

function code(value: string): Markup {
  return markup`<code>${name(value)}</code>`;
}
