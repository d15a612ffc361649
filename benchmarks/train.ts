// `bench train`: the main job, ours against PyTorch DDP in turns, and where the time of a step goes.
import type { Report } from "./entry.js";
import { shortNumber } from "./table.js";
import type { TrainRunner, TrainRuns } from "./train-measures.js";
import {
  type Job,
  runOurs,
  runTorch,
  type StepParts,
  type TrainRun,
  timeSteps,
  torchArguments,
} from "./train-runs.js";
import { partsTable, raceTable, scalingTable, targetsTable, workersText } from "./train-tables.js";
import { takeTurns } from "./turns.js";

export interface TrainBench extends Omit<Job, "workers"> {
  readonly build: URL;
  readonly workers: readonly number[];
  readonly rounds: number;
  /** Version of the torch to race against, or null to run ours alone. */
  readonly torch: string | null;
  readonly progress: (line: string) => void;
}

/** Runs the race for each number of workers, then one timed run of ours. */
export async function benchTrain(bench: TrainBench): Promise<Report> {
  const { build, torch, rounds, progress } = bench;
  const runs = new Map<number, TrainRuns>();
  const parts = new Map<number, StepParts>();
  for (const workers of bench.workers) {
    const job: Job = { ...bench, workers };
    const peers = { lean: () => runTorch(job, true), loader: () => runTorch(job, false) };
    const contestants = { ours: () => runOurs(build, job), ...(torch === null ? {} : peers) };
    const told = (name: TrainRunner, round: number, run: TrainRun) =>
      progress(`${workersText(workers)}, round ${round + 1} of ${rounds}, ${name}: ${runText(run)}`);
    runs.set(workers, await takeTurns<TrainRunner, TrainRun>(contestants, rounds, told));
    parts.set(workers, await timeSteps(build, job));
    progress(`${workersText(workers)}: timed the parts of a step`);
  }
  const tables = [
    rounds === 1 ? "One round." : `Median of ${rounds} rounds (smallest to largest).`,
    ...(torch === null ? [] : ['"ours is" compares run by run: above 1x, ours is better.']),
    ...[...runs].map(([workers, results]) => raceTable(workers, results, torch)),
    ...scalingTable(runs),
    partsTable(parts),
    ...targetsTable(runs),
  ];
  return { body: tables.join("\n\n"), peers: torch === null ? [] : peerCommands(bench) };
}

function peerCommands(bench: TrainBench): string[] {
  const job = { ...bench, workers: "N" as const };
  return [true, false].map((lean) => ["torch_ddp_mnist.py", ...torchArguments(job, lean)].join(" "));
}

function runText({ wallSeconds, samplesPerSecond, accuracy }: TrainRun): string {
  const speeds = Object.entries(samplesPerSecond).map(([stage, speed]) => `${stage} ${Math.round(speed)}/s`);
  return `${shortNumber(wallSeconds)} s, ${speeds.join(", ")}, valid accuracy ${accuracy.toFixed(3)}`;
}
