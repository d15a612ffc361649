// What is measured of a training run, and how runs are compared.
import { pairedRatios } from "./statistics.js";
import type { TrainRun } from "./train-runs.js";

/** Who runs: ours, the leanest PyTorch loop, and PyTorch as people write it, with a DataLoader. */
export type TrainRunner = "ours" | "lean" | "loader";
/** Every runner's runs with one number of workers, a round after another. */
export type TrainRuns = Partial<Record<TrainRunner, TrainRun[]>>;
/** {@link TrainRuns} by number of workers. */
export type RunsByWorkers = ReadonlyMap<number, TrainRuns>;

export interface Measure {
  readonly name: string;
  readonly of: (run: TrainRun) => number | null;
  readonly moreIsBetter: boolean;
}

export const freezed = stageSpeed("freezed");
export const unfreezed = stageSpeed("unfreezed");
export const wall = seconds("whole job, s", (run) => run.wallSeconds);
export const firstStep = seconds("command to first step, s", (run) => run.firstStepSeconds);
export const peak: Measure = {
  name: "peak MB a worker",
  of: (run) => run.peakMegabytes,
  moreIsBetter: false,
};

/** The measure of each run; null when there are no runs, or one has no such value. */
export function values(runs: readonly TrainRun[] | undefined, { of }: Measure): number[] | null {
  const found = runs?.map(of) ?? [null];
  return found.every((value) => value !== null) ? found : null;
}

/** How many times better ours is than the peer, round by round; null where either was not measured. */
export function advantage(runs: TrainRuns, peer: TrainRunner, measure: Measure): number[] | null {
  const ours = values(runs.ours, measure);
  const theirs = values(runs[peer], measure);
  if (ours === null || theirs === null) return null;
  return measure.moreIsBetter ? pairedRatios(ours, theirs) : pairedRatios(theirs, ours);
}

/** Percent that N workers reach of N times our one worker's, round by round; null where it was not measured. */
export function efficiency(byWorkers: RunsByWorkers, workers: number, measure: Measure): number[] | null {
  const one = values(byWorkers.get(1)?.ours, measure);
  const many = values(byWorkers.get(workers)?.ours, measure);
  if (one === null || many === null) return null;
  return pairedRatios(many, one).map((ratio) => (100 * ratio) / workers);
}

function stageSpeed(stage: string): Measure {
  return {
    name: `samples/s, ${stage}`,
    of: (run) => run.samplesPerSecond[stage] ?? null,
    moreIsBetter: true,
  };
}

function seconds(name: string, of: Measure["of"]): Measure {
  return { name, of, moreIsBetter: false };
}
