// One whole training job, ours or PyTorch's, as anyone would start it, and what it took.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunSummary, StageSummary } from "../src/core/summary.js";
import { PYTHON, root } from "./places.js";
import { type Finished, freePort, runProgram } from "./processes.js";

export interface Job {
  readonly workers: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Folder with the MNIST files. */
  readonly data: string;
}

export interface TrainRun {
  /** From the command to its end. */
  readonly wallSeconds: number;
  /** From the command to the beginning of the first training step. */
  readonly firstStepSeconds: number;
  /** VmHWM of the largest worker in MB; null where the system does not tell. */
  readonly peakMegabytes: number | null;
  /** Training samples a second over all workers, by stage: all epochs' samples by all epochs' time. */
  readonly samplesPerSecond: Readonly<Record<string, number>>;
  /** On the validation set at the end. */
  readonly accuracy: number;
}

/** The built command, with everything that it does by default. */
export function runOurs(build: URL, job: Job): Promise<TrainRun> {
  return withFolder(async (folder) => {
    const firstStep = join(folder, "first-step");
    const preload = `--require ${JSON.stringify(join(root, "benchmarks/first-step.cjs"))}`;
    const finished = await startOurs(build, job, join(folder, "run"), {
      DDP_BENCH_FIRST_STEP: firstStep,
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} ${preload}`.trim(),
    });
    const { stages } = readJson<RunSummary>(join(folder, "run/summary.json"));
    return {
      ...outside(finished),
      firstStepSeconds: (Number(readFileSync(firstStep, "utf8")) - finished.startedAt) / 1000,
      samplesPerSecond: Object.fromEntries(stages.map((stage) => [stage.stage, speed(stage)])),
      accuracy: loaderOf(stages[stages.length - 1], "valid").at(-1)?.metrics.accuracy01 ?? Number.NaN,
    };
  });
}

/** Where the time of a step went, in ms, by stage and part; rank 0's mean over one epoch of each stage. */
export type StepParts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A run of one epoch a stage with the clocks of recipe.ts in its step. */
export function timeSteps(build: URL, job: Job): Promise<StepParts> {
  return withFolder(async (folder) => {
    const parts = join(folder, "parts.json");
    const recipe = join(root, "benchmarks/recipe.ts");
    const env = { DDP_BENCH_PARTS: parts };
    await startOurs(build, { ...job, epochs: 1 }, join(folder, "run"), env, ["--recipe", recipe]);
    return readJson<StepParts>(parts);
  });
}

/** Arguments of the peer's script, after the data folder. */
export function torchArguments(
  { workers, batchSize, epochs }: Pick<Job, "batchSize" | "epochs"> & { readonly workers: number | "N" },
  lean: boolean,
): string[] {
  const numbers = ["--workers", workers, "--batch", batchSize, "--epochs", epochs].map(String);
  return lean ? [...numbers, "--lean"] : numbers;
}

/** PyTorch DDP: `lean` without DataLoader. It computes no metrics and writes no logs and no checkpoints. */
export async function runTorch(job: Job, lean: boolean): Promise<TrainRun> {
  const script = join(root, "benchmarks/peers/torch_ddp_mnist.py");
  const args = [script, "--data", job.data, ...torchArguments(job, lean)];
  const finished = await runProgram(PYTHON, args, { env: { PORT: String(await freePort()) } });
  const result = JSON.parse(finished.stdout) as TorchResult;
  const samplesPerSecond: Record<string, number> = {};
  for (const { stage } of result.epochs) {
    const epochs = result.epochs.filter((epoch) => epoch.stage === stage);
    const seconds = sum(epochs.map((epoch) => epoch.train_s));
    samplesPerSecond[stage] = sum(epochs.map((epoch) => epoch.samples_per_s * epoch.train_s)) / seconds;
  }
  return {
    ...outside(finished),
    firstStepSeconds: result.first_step_at - finished.startedAt / 1000,
    samplesPerSecond,
    accuracy: result.epochs[result.epochs.length - 1].valid_acc,
  };
}

interface TorchResult {
  readonly first_step_at: number;
  readonly epochs: readonly {
    readonly stage: string;
    readonly train_s: number;
    readonly samples_per_s: number;
    readonly valid_acc: number;
  }[];
}

function startOurs(
  build: URL,
  { workers, epochs, batchSize, data }: Job,
  logdir: string,
  env: NodeJS.ProcessEnv,
  more: readonly string[] = [],
): Promise<Finished> {
  const numbers = ["--workers", workers, "--epochs", epochs, "--batch-size", batchSize].map(String);
  const places = ["--dataset", "mnist", "--data-dir", data, "--logdir", logdir];
  const cli = fileURLToPath(new URL("launcher/cli.js", build));
  return runProgram(process.execPath, [cli, ...numbers, ...places, ...more], { env });
}

/** What was seen of a run from outside. The largest process is a worker: launchers do not compute. */
function outside({ seconds, peaks }: Finished): Pick<TrainRun, "wallSeconds" | "peakMegabytes"> {
  return { wallSeconds: seconds, peakMegabytes: peaks[0] ?? null };
}

function speed(stage: StageSummary): number {
  const train = loaderOf(stage, "train");
  return sum(train.map((loader) => loader.samples)) / sum(train.map((loader) => loader.seconds));
}

function loaderOf({ epochs }: StageSummary, key: string) {
  return epochs.flatMap((epoch) => {
    const loader = epoch[key];
    return typeof loader === "object" ? [loader] : [];
  });
}

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "ddp-bench-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
