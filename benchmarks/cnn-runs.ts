// One training of the small convolutional net, by each contestant: a process of its own, two epochs. The first warms
// up; the second is what counts.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoaderSummary, RunSummary } from "../src/core/summary.js";
import { PYTHON, root } from "./places.js";
import { runProgram } from "./processes.js";

export interface CnnJob {
  readonly batchSize: number;
  /** Training steps an epoch. */
  readonly steps: number;
  /** Folder with the MNIST files. */
  readonly data: string;
}

export interface CnnRun {
  /** Mean of the second epoch. */
  readonly msPerStep: number;
  readonly samplesPerSecond: number;
  /** On the validation set at the end. */
  readonly loss: number;
  readonly accuracy: number;
}

const EPOCHS = 2;

/**
 * The built command with benchmarks/cnn-recipe.ts, one worker on wasm; `composed` takes tfjs's own kernels with the
 * composed gradient. @throws Error when the kernels were not those asked for.
 */
export async function runCnn(build: URL, job: CnnJob, composed: boolean): Promise<CnnRun> {
  const folder = mkdtempSync(join(tmpdir(), "ddp-bench-"));
  try {
    const logdir = join(folder, "run");
    const numbers = ["--workers", 1, "--epochs", EPOCHS, "--batch-size", job.batchSize].map(String);
    const places = ["--dataset", "mnist", "--data-dir", job.data, "--logdir", logdir];
    const what = ["--device", "wasm", "--recipe", join(root, "benchmarks/cnn-recipe.ts"), "--no-progress"];
    const cli = fileURLToPath(new URL("launcher/cli.js", build));
    const env = { DDP_BENCH_STEPS: String(job.steps), DDP_STOCK_KERNELS: composed ? "1" : "0" };
    const { stdout } = await runProgram(process.execPath, [cli, ...numbers, ...places, ...what], { env });
    checkKernels(stdout, composed);
    return fromSummary(JSON.parse(readFileSync(join(logdir, "summary.json"), "utf8")), job);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a run's summary.json says of its second epoch. */
export function fromSummary({ stages }: RunSummary, job: CnnJob): CnnRun {
  const { train, valid } = stages[0].epochs[EPOCHS - 1] as Readonly<Record<string, LoaderSummary>>;
  return { ...speed(train.seconds, job), loss: valid.metrics.loss, accuracy: valid.metrics.accuracy01 };
}

/** @throws Error when the command's first line names other kernels: it goes on with tfjs's own where ours fail. */
export function checkKernels(stdout: string, composed: boolean): void {
  const wanted = composed ? "stock kernels," : "own kernels,";
  const [first] = stdout.split("\n");
  if (!first.includes(wanted))
    throw new Error(`a run was to have ${wanted.slice(0, -1)}, but said: ${first}`);
}

/** Arguments of the peer's script, after the data folder. */
export function torchArguments({ batchSize, steps }: Omit<CnnJob, "data">): string[] {
  return ["--batch", batchSize, "--steps", steps, "--epochs", EPOCHS].map(String);
}

/** PyTorch on one thread. */
export async function runTorchCnn(job: CnnJob): Promise<CnnRun> {
  const script = join(root, "benchmarks/peers/torch_cnn.py");
  const { stdout } = await runProgram(PYTHON, [script, "--data", job.data, ...torchArguments(job)]);
  const { train_s, valid_loss, valid_acc } = JSON.parse(stdout) as TorchResult;
  return { ...speed(train_s[EPOCHS - 1], job), loss: valid_loss, accuracy: valid_acc };
}

interface TorchResult {
  readonly train_s: readonly number[];
  readonly valid_loss: number;
  readonly valid_acc: number;
}

function speed(seconds: number, { steps, batchSize }: CnnJob) {
  return { msPerStep: (1000 * seconds) / steps, samplesPerSecond: (steps * batchSize) / seconds };
}
