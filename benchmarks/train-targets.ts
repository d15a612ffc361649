// What the main job should reach on two cores with a batch of 32 a worker.
import { spread } from "./statistics.js";
import { cell } from "./table.js";
import {
  advantage,
  efficiency,
  firstStep,
  freezed,
  type Measure,
  peak,
  type RunsByWorkers,
  unfreezed,
  values,
  wall,
} from "./train-measures.js";

interface Target {
  readonly what: string;
  /** The value of each round; null where it was not measured. */
  readonly measured: (runs: RunsByWorkers) => number[] | null;
  readonly bound: "at least" | "at most";
  readonly limit: number;
  readonly unit: string;
}

const TARGETS: readonly Target[] = [
  faster("1 worker, freezed, against lean PyTorch", 1, freezed, "lean", 1.3),
  faster("1 worker, unfreezed, against lean PyTorch", 1, unfreezed, "lean", 1.3),
  faster("2 workers, freezed, against lean PyTorch", 2, freezed, "lean", 2.5),
  faster("2 workers, unfreezed, against lean PyTorch", 2, unfreezed, "lean", 2.5),
  faster("whole job, 2 workers, against PyTorch with DataLoader", 2, wall, "loader", 2),
  scaling("2 workers against twice one, freezed", freezed, 85),
  scaling("2 workers against twice one, unfreezed", unfreezed, 75),
  below("command to first step, 2 workers", firstStep, 2.5, " s"),
  below("peak memory a worker, 2 workers", peak, 300, " MB"),
];

/** A row for each target that these runs say something about: what, wanted, measured, met. */
export function targetRows(runs: RunsByWorkers): string[][] {
  return TARGETS.flatMap(({ what, measured, bound, limit, unit }) => {
    const found = measured(runs);
    if (found === null) return [];
    const { median } = spread(found);
    const met = bound === "at least" ? median >= limit : median <= limit;
    return [[what, `${bound} ${limit}${unit}`, cell(found, unit), met ? "yes" : "no"]];
  });
}

function faster(
  what: string,
  workers: number,
  measure: Measure,
  peer: "lean" | "loader",
  limit: number,
): Target {
  const measured = (runs: RunsByWorkers) => advantage(runs.get(workers) ?? {}, peer, measure);
  return { what, measured, bound: "at least", limit, unit: "x" };
}

function scaling(what: string, measure: Measure, limit: number): Target {
  return { what, measured: (runs) => efficiency(runs, 2, measure), bound: "at least", limit, unit: "%" };
}

function below(what: string, measure: Measure, limit: number, unit: string): Target {
  return { what, measured: (runs) => values(runs.get(2)?.ours, measure), bound: "at most", limit, unit };
}
