// The tables of `bench cnn`, and what should be reached.
import type { CnnRun } from "./cnn-runs.js";
import { pairedRatios, spread } from "./statistics.js";
import { cell, markdownTable } from "./table.js";

/** Ours, the gradient composed from tfjs's own operations, PyTorch. */
export type CnnRunner = "ours" | "composed" | "torch";
export type CnnRuns = Partial<Record<CnnRunner, CnnRun[]>>;

/** How many times faster than the composed gradient ours should be. */
const WANTED = 5;

/** Ours beside the others. Accuracies tell whether all of them learned the same. */
export function cnnRaceTable(runs: CnnRuns, torch: string | null): string {
  const titles = { composed: "composed gradient", torch: `torch ${torch}` } as const;
  const others = (["composed", "torch"] as const).filter((name) => runs[name] !== undefined);
  const row = (title: string, of: (run: CnnRun) => number, compared: boolean, unit = "") => [
    title,
    cell(runs.ours?.map(of) ?? null, unit),
    ...others.flatMap((name) => [
      cell(runs[name]?.map(of) ?? null, unit),
      compared ? cell(advantage(runs, name), "x") : "-",
    ]),
  ];
  return markdownTable([
    ["1 worker", "ours", ...others.flatMap((name) => [titles[name], "ours is"])],
    row("ms a step", (run) => run.msPerStep, true),
    row("samples/s", (run) => run.samplesPerSecond, true),
    row("validation loss at the end", (run) => run.loss, false),
    row("validation accuracy at the end", (run) => 100 * run.accuracy, false, "%"),
  ]);
}

/** What should be reached and what was. */
export function cnnTargetsTable(runs: CnnRuns): string {
  const found = advantage(runs, "composed");
  const met = found !== null && spread(found).median >= WANTED ? "yes" : "no";
  return markdownTable([
    ["target", "wanted", "measured", "met"],
    ["a step, against the composed gradient", `at least ${WANTED}x`, cell(found, "x"), met],
  ]);
}

/** How many times faster ours is, round by round; null where either did not run. */
export function advantage({ ours, ...others }: CnnRuns, than: "composed" | "torch"): number[] | null {
  const theirs = others[than];
  if (ours === undefined || theirs === undefined) return null;
  const ms = (runs: readonly CnnRun[]) => runs.map(({ msPerStep }) => msPerStep);
  return pairedRatios(ms(theirs), ms(ours));
}
