// Log folders as runs leave them, made up: of any shape, whole or in parts.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Metrics by loader. */
export type Epoch = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface FakeRun {
  /** Epochs by stage, in order. */
  readonly stages: readonly (readonly [string, readonly Epoch[]])[];
  /** Changes to summary.json; null leaves the file out. */
  readonly summary?: object | null;
  /** Changes to config.json; null leaves the file out. */
  readonly config?: object | null;
  /** The best epoch: stage, epoch, metric, loader, score. */
  readonly best?: readonly [string, number, string, string, number];
  /** Whether there are tables of metrics. Default true. */
  readonly tables?: boolean;
}

/** Of one test file, to be removed after it. */
export const work = mkdtempSync(join(tmpdir(), "ddp-report-"));
let count = 0;

/** Writes the files of a run into a new folder, and returns its path. */
export function writeRun(run: FakeRun, name = `run-${++count}`): string {
  const logdir = join(work, name);
  mkdirSync(join(logdir, "checkpoints"), { recursive: true });
  const { stages, best } = run;
  const summary = {
    status: "completed",
    recipe: "toy",
    dataset: "made up",
    engine: "cpu",
    world_size: 2,
    restarts: 0,
    wall_seconds: 12.5,
    stages: stages.map(([stage, epochs]) => ({ stage, epochs: epochs.map(epochSummary) })),
    best: best && {
      stage: best[0],
      epoch: best[1],
      metric: best[2],
      score: best[4],
      path: "checkpoints/best.safetensors",
    },
    last: { path: "checkpoints/last.safetensors" },
    weights_sha256: "0123456789abcdef".repeat(4),
    ...run.summary,
  };
  const config = {
    started: "2026-11-25T04:31:05.059Z",
    versions: { "ddp-train": "0.1.0", node: "20.20.2", tfjs: "4.22.0", zeromq: "6.8.0" },
    recipe: "toy",
    stages: stages.map(([stage]) => stage),
    world_size: 2,
    engine: {
      engine: "cpu",
      description: "cpu (plain)",
      skipped: [{ engine: "cuda", reason: "no GPU found" }],
    },
    options: {
      workers: 2,
      device: "auto",
      recipe: "/home/me/my recipe.ts",
      batch_size: 16,
      seed: 42,
      logdir,
    },
    data: null,
    ...run.config,
  };
  const write = (file: string, content: string) => writeFileSync(join(logdir, file), content);
  if (run.summary !== null) write("summary.json", JSON.stringify(summary));
  if (run.config !== null) write("config.json", JSON.stringify(config));
  if (best !== undefined) write("checkpoints/_metrics.json", JSON.stringify({ best: bestEntry(run, best) }));
  if (run.tables !== false) for (const [loader, text] of tables(stages)) write(`${loader}.csv`, text);
  return logdir;
}

function bestEntry({ stages }: FakeRun, [stage, epoch, metric, loader, score]: NonNullable<FakeRun["best"]>) {
  const at = stages.findIndex(([name]) => name === stage);
  const before = stages.slice(0, at).reduce((sum, [, epochs]) => sum + epochs.length, 0);
  return {
    _stage_: stage,
    _epoch_: epoch,
    _global_epoch_step_: before + epoch,
    _metric_: metric,
    _loader_: loader,
    _minimize_: true,
    _score_: score,
  };
}

function epochSummary(epoch: Epoch, i: number): object {
  const loaders = Object.entries(epoch).map(([key, metrics]) => {
    return [
      key,
      {
        seconds: 2,
        samples: 1000,
        samples_per_second: 500 + 10 * i,
        batches_left_out: i === 0 ? 1 : 0,
        metrics,
      },
    ];
  });
  return { epoch: i + 1, seconds: 5, ...Object.fromEntries(loaders) };
}

function tables(stages: FakeRun["stages"]): Map<string, string> {
  const epochs = stages.flatMap(([, of]) => of);
  const loaders = new Set(epochs.flatMap((epoch) => Object.keys(epoch)));
  return new Map(
    [...loaders].map((loader) => {
      const names = [...new Set(epochs.flatMap((epoch) => Object.keys(epoch[loader] ?? {})))];
      const rows = epochs.flatMap((epoch, i) => {
        const metrics = epoch[loader];
        return metrics === undefined ? [] : [[i + 1, ...names.map((name) => metrics[name] ?? "")].join(",")];
      });
      const quoted = names.map((name) => (/[",]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name));
      return [loader, `${["step", ...quoted].join(",")}\n${rows.join("\n")}\n`];
    }),
  );
}

/** `length` epochs of `metrics(i)`, for each loader. */
export function epochs(
  length: number,
  metrics: (i: number) => Readonly<Record<string, number>>,
  loaders: readonly string[] = ["train", "valid"],
): Epoch[] {
  return Array.from({ length }, (_, i) => Object.fromEntries(loaders.map((key) => [key, metrics(i)])));
}

/** Precision, recall, F1 and support of so many classes, and their confusion matrix when asked for. */
export function classMetrics(classes: number, confusion = false): Record<string, number> {
  const metrics: Record<string, number> = {};
  const two = (i: number) => String(i).padStart(2, "0");
  for (let i = 0; i < classes; i++) {
    const share = (i + 1) / (classes + 1);
    metrics[`precision/class_${two(i)}`] = share;
    metrics[`recall/class_${two(i)}`] = Math.sqrt(share);
    metrics[`f1/class_${two(i)}`] = (share + Math.sqrt(share)) / 2;
    metrics[`support/class_${two(i)}`] = 100;
    for (let j = 0; confusion && j < classes; j++) {
      metrics[`confusion_matrix/target_${two(i)}_as_${two(j)}`] = i === j ? 90 + i : (i * 7 + j * 3) % 5;
    }
  }
  return metrics;
}
