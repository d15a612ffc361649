// `bench cnn`: a small convolutional net on one core, our kernels against the gradient composed from tfjs's own, and
// against PyTorch, in turns.
import { UsageError } from "../src/core/errors.js";
import { type CnnJob, type CnnRun, runCnn, runTorchCnn, torchArguments } from "./cnn-runs.js";
import { type CnnRunner, cnnRaceTable, cnnTargetsTable } from "./cnn-tables.js";
import type { Report } from "./entry.js";
import { shortNumber } from "./table.js";
import { takeTurns } from "./turns.js";

export interface CnnBench extends CnnJob {
  readonly build: URL;
  readonly rounds: number;
  /** Version of the torch to race against, or null for ours and the composed gradient alone. */
  readonly torch: string | null;
  readonly progress: (line: string) => void;
}

/** MNIST's training images. */
const IMAGES = 60_000;

/** Runs the race. @throws UsageError when an epoch would want more images than there are. */
export async function benchCnn(bench: CnnBench): Promise<Report> {
  const { build, torch, rounds, steps, batchSize, progress } = bench;
  if (steps * batchSize > IMAGES) {
    const most = Math.floor(IMAGES / batchSize);
    throw new UsageError(
      most === 0
        ? `MNIST has ${IMAGES} images: --batch-size can be ${IMAGES} at most`
        : `MNIST has ${IMAGES} images: with --batch-size ${batchSize}, --steps can be ${most} at most`,
    );
  }
  const contestants = {
    ours: () => runCnn(build, bench, false),
    composed: () => runCnn(build, bench, true),
    ...(torch === null ? {} : { torch: () => runTorchCnn(bench) }),
  };
  const runs = await takeTurns<CnnRunner, CnnRun>(contestants, rounds, (name, round, run) =>
    progress(`round ${round + 1} of ${rounds}, ${name}: ${runText(run)}`),
  );
  const tables = [
    `${rounds === 1 ? "One round." : `Median of ${rounds} rounds (smallest to largest).`} Training, the second ` +
      `epoch of ${steps} steps of ${batchSize}; Adam. "ours is" compares run by run: above 1x, ours is faster.`,
    cnnRaceTable(runs, torch),
    cnnTargetsTable(runs),
  ];
  const peers = torch === null ? [] : [["torch_cnn.py", ...torchArguments(bench)].join(" ")];
  return { body: tables.join("\n\n"), peers };
}

function runText({ msPerStep, samplesPerSecond, loss, accuracy }: CnnRun): string {
  const speed = `${shortNumber(msPerStep)} ms a step, ${Math.round(samplesPerSecond)}/s`;
  return `${speed}, valid loss ${loss.toFixed(4)}, accuracy ${accuracy.toFixed(4)}`;
}
