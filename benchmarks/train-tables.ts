// The tables of `bench train`.
import { cell, markdownTable } from "./table.js";
import {
  advantage,
  efficiency,
  firstStep,
  freezed,
  peak,
  type RunsByWorkers,
  type TrainRunner,
  type TrainRuns,
  unfreezed,
  values,
  wall,
} from "./train-measures.js";
import type { StepParts } from "./train-runs.js";
import { targetRows } from "./train-targets.js";

/** `2 workers` */
export function workersText(workers: number): string {
  return workers === 1 ? "1 worker" : `${workers} workers`;
}

/** Ours beside each peer that ran, and how many times better ours is. */
export function raceTable(workers: number, runs: TrainRuns, torch: string | null): string {
  const titles: readonly [TrainRunner, string][] = [
    ["lean", `torch ${torch}, lean`],
    ["loader", `torch ${torch}, DataLoader`],
  ];
  const peers = titles.filter(([peer]) => runs[peer] !== undefined);
  const head = [workersText(workers), "ours", ...peers.flatMap(([, title]) => [title, "ours is"])];
  const rows = [freezed, unfreezed, wall, firstStep, peak].map((measure) => [
    measure.name,
    cell(values(runs.ours, measure)),
    ...peers.flatMap(([peer]) => [
      cell(values(runs[peer], measure)),
      cell(advantage(runs, peer, measure), "x"),
    ]),
  ]);
  return markdownTable([head, ...rows]);
}

/** Samples/s with N workers as a share of N times one; nothing without a run of one worker and one of more. */
export function scalingTable(runs: RunsByWorkers): string[] {
  const measures = [freezed, unfreezed];
  const rows = [...runs.keys()]
    .filter((workers) => workers > 1 && runs.has(1))
    .map((workers) => [
      workersText(workers),
      ...measures.map((measure) => cell(efficiency(runs, workers, measure), "%")),
    ]);
  const head = ["share of N times one worker", ...measures.map(({ name }) => name)];
  return rows.length === 0 ? [] : [markdownTable([head, ...rows])];
}

/** Milliseconds and shares of a step's parts, a column for each number of workers and stage. */
export function partsTable(parts: ReadonlyMap<number, StepParts>): string {
  const columns = [...parts].flatMap(([workers, stages]) =>
    Object.entries(stages).map(([stage, means]) => ({
      title: `${workersText(workers)}, ${stage}`,
      means,
      total: Object.values(means).reduce((sum, value) => sum + value, 0),
    })),
  );
  const names = [...new Set(columns.flatMap(({ means }) => Object.keys(means)))];
  const rows = names.map((name) => [
    name,
    ...columns.map(({ means, total }) => {
      const value = means[name] ?? 0;
      return `${value.toFixed(3)} (${Math.round((100 * value) / total)}%)`;
    }),
  ]);
  const head = ["ms of a training step, rank 0", ...columns.map(({ title }) => title)];
  return markdownTable([head, ...rows, ["all", ...columns.map(({ total }) => total.toFixed(3))]]);
}

/** What should be reached and what was; nothing when the runs say nothing about any target. */
export function targetsTable(runs: RunsByWorkers): string[] {
  const rows = targetRows(runs);
  return rows.length === 0 ? [] : [markdownTable([["target", "wanted", "measured", "met"], ...rows])];
}
