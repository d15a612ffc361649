// From a run's log folder to what a report shows: summary.json has the finished epochs, the tables of metrics what
// JSON cannot say and what a killed run got to, config.json how it was started. Whatever is missing is told, not
// guessed; what contradicts is left out, and told.
import { basename, join, resolve } from "node:path";
import { UsageError } from "../core/errors.js";
import { BEST, CHECKPOINTS_FOLDER, CONFIG_FILE, METRICS_FILE, SUMMARY_FILE } from "../core/run-files.js";
import { finishedEpochs, readTables, withTables } from "./record/epochs.js";
import { type Fields, readFields } from "./record/files.js";
import {
  type BestEpoch,
  isTraining,
  type RunEpoch,
  type RunReport,
  type RunSetup,
} from "./record/run-report.js";

const STATUSES = ["completed", "failed", "interrupted"] as const;

/**
 * Reads a run's log folder.
 * @throws UsageError when it holds no run, or a file of the run is damaged.
 */
export function readRun(logdir: string): RunReport {
  const config = readFields(join(logdir, CONFIG_FILE));
  const summary = readFields(join(logdir, SUMMARY_FILE));
  if (config === null && summary === null) {
    throw new UsageError(
      `${logdir} holds no run: there is no ${CONFIG_FILE} and no ${SUMMARY_FILE}; name the log folder of a run`,
    );
  }
  const entries = readFields(join(logdir, CHECKPOINTS_FOLDER, METRICS_FILE));
  const notes: string[] = [];
  const finished = summary === null ? [] : finishedEpochs(summary);
  const epochs = withTables(finished, readTables(logdir), entries, notes);
  if (summary === null) {
    notes.push(`There is no ${SUMMARY_FILE}: the run goes on, or its launcher was killed.`);
  }
  const setup = config === null ? null : readSetup(config);
  if (setup === null) notes.push(`There is no ${CONFIG_FILE}: how the run was started is not known.`);
  const data = config?.holds("data") ? config.fields("data") : null;
  return {
    name: basename(resolve(logdir)),
    logdir: resolve(logdir),
    status: summary === null ? "unfinished" : statusOf(summary),
    error: summary?.text("error") ?? null,
    recipe: summary?.text("recipe") || config?.text("recipe") || null,
    dataset: summary?.text("dataset") || (data?.text("dataset") ?? null),
    engine: summary?.text("engine") ?? config?.fields("engine")?.text("engine") ?? null,
    worldSize: summary?.number("world_size") ?? config?.number("world_size") ?? null,
    wallSeconds: summary?.number("wall_seconds") ?? null,
    restarts: summary?.number("restarts") ?? null,
    weightsSha256: summary?.text("weights_sha256") ?? null,
    best: bestOf(summary, entries, epochs),
    last: summary?.fields("last")?.text("path") ?? null,
    epochs,
    loaders: loadersOf(epochs),
    setup,
    notes,
  };
}

function statusOf(summary: Fields): RunReport["status"] {
  const status = STATUSES.find((name) => name === summary.text("status"));
  return summary.require("status", status ?? null, `one of ${STATUSES.join(", ")}`);
}

function bestOf(
  summary: Fields | null,
  entries: Fields | null,
  epochs: readonly RunEpoch[],
): BestEpoch | null {
  const entry = entries?.fields(BEST) ?? null;
  const best = summary?.fields("best") ?? null;
  const stage = best?.text("stage") ?? entry?.text("_stage_");
  const epoch = best?.number("epoch") ?? entry?.number("_epoch_");
  const metric = best?.text("metric") ?? entry?.text("_metric_");
  if ((summary !== null && best === null) || stage == null || epoch == null || metric == null) return null;
  const found = epochs.findLast((each) => each.stage === stage && each.epoch === epoch);
  return {
    stage,
    epoch,
    step: found?.step ?? null,
    metric,
    loader: entry?.text("_loader_") ?? null,
    score: best?.number("score") ?? entry?.number("_score_") ?? null,
    path: best?.text("path") ?? null,
  };
}

function readSetup(config: Fields): RunSetup {
  const engine = config.fields("engine");
  const versions = config.fields("versions");
  const options = config.fields("options");
  return {
    started: config.text("started"),
    versions: new Map((versions?.keys ?? []).map((key) => [key, versions?.text(key) ?? ""])),
    stages: config.texts("stages"),
    engineDescription: engine?.text("description") ?? null,
    skipped: (engine?.list("skipped") ?? []).map((each) => ({
      engine: each.text("engine") ?? "",
      reason: each.text("reason") ?? "",
    })),
    options: new Map((options?.keys ?? []).map((key) => [key, options?.value(key)])),
    resumed: config.list("resumed").map((each) => ({
      time: each.text("time"),
      from: each.text("from"),
      worldSize: each.number("world_size"),
      engine: each.text("engine"),
    })),
  };
}

function loadersOf(epochs: readonly RunEpoch[]): string[] {
  const keys = [...new Set(epochs.flatMap(({ loaders }) => [...loaders.keys()]))];
  return [...keys.filter(isTraining), ...keys.filter((key) => !isTraining(key))];
}
