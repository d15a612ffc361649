// Repeats PyTorch DDP's golden runs with real worker processes: the same initial weights, samples and optimizers.
// Every `ddp-W.json` of the folder is a run with W ranks.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readWeights } from "../../src/checkpoint/format.js";
import { type Comparison, Largest, readGolden } from "./comparison.js";
import { LOSSES_FILE, type StepLosses } from "./recipe.js";

interface GoldenRun {
  readonly world_size: number;
  readonly batch_size_per_rank: number;
  readonly steps_per_stage: number;
  readonly sampler: { readonly seed: number };
  readonly stages: readonly { readonly stage: string; readonly mean_loss_per_step: readonly number[] }[];
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs every golden case of the folder; two comparisons each: losses step by step, and the final weights. */
export async function compareDdp(folder: string, mnist: string): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  const names = readdirSync(folder).filter((name) => /^ddp-\d+\.json$/.test(name));
  for (const name of names.sort()) {
    const golden = readGolden<GoldenRun>(folder, name) as GoldenRun;
    const logdir = mkdtempSync(join(tmpdir(), "ddp-parity-"));
    try {
      comparisons.push(
        ...(await compareRun(golden, join(folder, name.replace(/\.json$/, "")), mnist, logdir)),
      );
    } finally {
      rmSync(logdir, { recursive: true, force: true });
    }
  }
  return comparisons;
}

async function compareRun(
  golden: GoldenRun,
  prefix: string,
  mnist: string,
  logdir: string,
): Promise<Comparison[]> {
  const stages = golden.stages.map(({ stage }) => stage);
  const options = {
    "--recipe": join(root, "scripts/parity/recipe.ts"),
    "--workers": golden.world_size,
    "--batch-size": golden.batch_size_per_rank,
    "--stages": stages.join(),
    "--epochs": 1,
    "--seed": golden.sampler.seed,
    "--init-from": `${prefix}-init.safetensors`,
    "--dataset": "mnist",
    "--data-dir": mnist,
    "--logdir": logdir,
  };
  const args = Object.entries(options).flatMap(([key, value]) => [key, String(value)]);
  await promisify(execFile)(process.execPath, [join(root, "dist/launcher/cli.js"), ...args, "--quiet"], {
    env: { ...process.env, DDP_PARITY_STEPS: String(golden.steps_per_stage) },
  });
  return [
    compareLosses(golden, readGolden<StepLosses>(logdir, LOSSES_FILE) ?? {}),
    compareWeights(golden, join(logdir, "checkpoints/last.safetensors"), `${prefix}-final.safetensors`),
  ];
}

/** Relative difference of every step's mean loss, at most 1e-4. */
function compareLosses(golden: GoldenRun, ours: StepLosses): Comparison {
  const largest = new Largest();
  let cases = 0;
  for (const { stage, mean_loss_per_step } of golden.stages) {
    mean_loss_per_step.forEach((theirs, step) => {
      largest.add(`${stage}, step ${step + 1}`, (ours[stage]?.[step] ?? Number.NaN) / theirs, 1);
      cases++;
    });
  }
  return {
    name: `ddp-${golden.world_size} losses`,
    cases,
    largestDifference: largest.difference,
    limit: 1e-4,
    detail: largest.where.replace(/ours .*/, "relative to PyTorch"),
  };
}

/** Absolute difference of every final weight, at most 1e-4. */
function compareWeights(golden: GoldenRun, ours: string, theirs: string): Comparison {
  const [mine, expected] = [readWeights(ours), readWeights(theirs)];
  const largest = new Largest();
  let cases = 0;
  for (const [name, { data }] of Object.entries(expected)) {
    for (let i = 0; i < data.length; i++) largest.add(`${name}[${i}]`, mine[name]?.data[i], data[i]);
    cases += data.length;
  }
  return {
    name: `ddp-${golden.world_size} weights`,
    cases,
    largestDifference: largest.difference,
    limit: 1e-4,
    detail: largest.where,
  };
}
