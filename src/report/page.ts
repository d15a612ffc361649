// The report as one HTML file that needs nothing else: no network, no script. What it may load is forbidden to it as
// well, so that even a mistake in here could not turn a name out of a file into more than letters.
import { createHash } from "node:crypto";
import { Markup, markup } from "./markup.js";
import { comparison, runsText } from "./page/comparison.js";
import { name } from "./page/parts.js";
import { chartSections, overview, STATUS_WORDS, setupSections } from "./page/run-sections.js";
import { STYLE } from "./page/style.js";
import type { RunReport } from "./record/run-report.js";

/** The page of a run, or of several side by side; the same runs always give the same page. */
export function reportPage(runs: readonly [RunReport, ...RunReport[]]): string {
  const named = distinctNames(runs);
  return named.length === 1 ? onePage(named[0]) : severalPage(named);
}

function onePage(run: RunReport): string {
  const { recipe, dataset } = run;
  const title = `${recipe ?? "a recipe"}${dataset === null || dataset === recipe ? "" : ` on ${dataset}`}`;
  return document(
    `${title}: ${STATUS_WORDS[run.status]} (${run.name})`,
    markup`<h1>${name(title)}</h1><p class="lead">Training run ${name(run.name)}</p>${overview(run)}`,
    markup`${chartSections(run)}${setupSections(run)}`,
  );
}

function severalPage(runs: readonly RunReport[]): string {
  const each = runs.map((run) => {
    return markup`<details class="run"><summary>${name(run.name)}, ${STATUS_WORDS[run.status]}</summary>${overview(run)}${chartSections(run)}${setupSections(run)}</details>\n`;
  });
  return document(
    runsText(runs),
    markup`<h1>${runs.length} training runs</h1><p class="lead">${runs.map((run, i) => markup`${i > 0 ? ", " : null}${name(run.name)}`)}</p>`,
    markup`${comparison(runs)}<section><h2>Each run</h2>${each}</section>`,
  );
}

function document(title: string, header: Markup, main: Markup): string {
  const hash = createHash("sha256").update(STYLE).digest("base64");
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${new Markup(hash)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="generator" content="ddp-train">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<header>${header}</header>
<main>${main}</main>
<footer class="note">Made by ddp-train from the files in the log folder.</footer>
</body>
</html>
`;
  return page.text;
}

/** Runs whose folders have one name are told apart by their paths. */
function distinctNames(runs: readonly [RunReport, ...RunReport[]]): [RunReport, ...RunReport[]] {
  const counts = new Map<string, number>();
  for (const run of runs) counts.set(run.name, (counts.get(run.name) ?? 0) + 1);
  const rename = (run: RunReport) => ((counts.get(run.name) ?? 0) > 1 ? { ...run, name: run.logdir } : run);
  const [first, ...others] = runs;
  return [rename(first), ...others.map(rename)];
}
