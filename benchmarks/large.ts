// `bench large`: steps of a model of 25 million weights, so that 100 MB of gradients travel in each. One bucket against
// several, memory against sockets, 32 bits against 16, and PyTorch DDP over gloo on the same model, in turns.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunSummary } from "../src/core/summary.js";
import type { Report } from "./entry.js";
import { PYTHON, root } from "./places.js";
import { freePort, runProgram } from "./processes.js";
import { pairedRatios } from "./statistics.js";
import { cell, markdownTable } from "./table.js";
import { takeTurns } from "./turns.js";

export interface LargeBench {
  readonly build: URL;
  readonly workers: readonly number[];
  readonly rounds: number;
  /** Samples a batch and worker. */
  readonly batchSize: number;
  /** Steps that are timed, after as many that are not. */
  readonly steps: number;
  /** Version of the torch to race against, or null to run ours alone. */
  readonly torch: string | null;
  readonly progress: (line: string) => void;
}

interface Way {
  readonly transport: "auto" | "zmq";
  readonly bucketMb: number;
  readonly wire: "fp32" | "fp16" | "bf16";
}

/** More than the model has. */
const ONE_BUCKET = 1000;
const BASE = "memory, 25 MB buckets";
const WAYS: Readonly<Record<string, Way>> = {
  [BASE]: { transport: "auto", bucketMb: 25, wire: "fp32" },
  "memory, one bucket": { transport: "auto", bucketMb: ONE_BUCKET, wire: "fp32" },
  "memory, bf16": { transport: "auto", bucketMb: 25, wire: "bf16" },
  "memory, fp16": { transport: "auto", bucketMb: 25, wire: "fp16" },
  "ZeroMQ, 25 MB buckets": { transport: "zmq", bucketMb: 25, wire: "fp32" },
  "ZeroMQ, one bucket": { transport: "zmq", bucketMb: ONE_BUCKET, wire: "fp32" },
  "ZeroMQ, bf16": { transport: "zmq", bucketMb: 25, wire: "bf16" },
};
/** What alone does not depend on the way. */
const ALONE = [BASE, "torch"];

export async function benchLarge(bench: LargeBench): Promise<Report> {
  const tables: string[] = [];
  for (const workers of bench.workers) {
    const ours = Object.entries(WAYS).map(
      ([name, way]) => [name, () => runOurs(bench, workers, way)] as const,
    );
    const hook = (name: "none" | "fp16") => () => runTorch(bench, workers, name);
    const theirs =
      bench.torch === null
        ? []
        : ([
            ["torch", hook("none")],
            ["torch, fp16 hook", hook("fp16")],
          ] as const);
    const all = [...ours, ...theirs].filter(([name]) => workers > 1 || ALONE.includes(name));
    const told = (name: string, round: number, ms: number) =>
      bench.progress(
        `${workers} workers, round ${round + 1} of ${bench.rounds}, ${name}: ${ms.toFixed(0)} ms`,
      );
    tables.push(
      table(
        workers,
        bench.rounds,
        await takeTurns<string, number>(Object.fromEntries(all), bench.rounds, told),
      ),
    );
  }
  const reading =
    `A step of 24.9 million weights, ${bench.batchSize} samples a worker, SGD: ms, mean of ${bench.steps} steps, median ` +
    "of the rounds (smallest to largest); beside it how many times the first line's time that is, run by run.";
  const peers = bench.torch === null ? [] : [`torch_large.py --workers N (torch ${bench.torch})`];
  return { body: [reading, ...tables].join("\n\n"), peers };
}

function table(workers: number, rounds: number, runs: Partial<Record<string, readonly number[]>>): string {
  const base = runs[BASE] ?? [];
  const rows = Object.entries(runs).map(([name, times = []]) => [
    name,
    cell(times),
    name === BASE ? "" : cell(pairedRatios(times, base), "x"),
  ]);
  const title = `${workers} ${workers === 1 ? "worker" : "workers"}, ${rounds} rounds`;
  return markdownTable([[title, "ms a step", "of the first line's"], ...rows]);
}

async function runOurs(bench: LargeBench, workers: number, way: Way): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "ddp-bench-"));
  try {
    const cli = fileURLToPath(new URL("launcher/cli.js", bench.build));
    const logdir = join(folder, "run");
    const recipe = join(root, "benchmarks/large-recipe.ts");
    const numbers = ["--workers", workers, "--batch-size", bench.batchSize, "--bucket-mb", way.bucketMb].map(
      String,
    );
    const args = [cli, ...numbers, "--wire", way.wire, "--recipe", recipe, "--logdir", logdir];
    const env = { DDP_TRANSPORT: way.transport, DDP_BENCH_STEPS: String(bench.steps) };
    await runProgram(process.execPath, args, { env });
    const summary = JSON.parse(readFileSync(join(logdir, "summary.json"), "utf8")) as RunSummary;
    const train = summary.stages[0].epochs.at(-1)?.train;
    if (typeof train !== "object") throw new Error("the run has no train loader in its last epoch");
    return (train.seconds / bench.steps) * 1000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runTorch(bench: LargeBench, workers: number, hook: "none" | "fp16"): Promise<number> {
  const script = join(root, "benchmarks/peers/torch_large.py");
  const numbers = ["--workers", workers, "--batch", bench.batchSize, "--steps", bench.steps].map(String);
  const { stdout } = await runProgram(PYTHON, [script, ...numbers, "--hook", hook], {
    env: { PORT: String(await freePort()) },
  });
  return (JSON.parse(stdout) as { readonly ms: number }).ms;
}
