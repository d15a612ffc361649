// The epochs of a run: from summary.json those that were finished; from the tables of metrics what JSON cannot say, NaN
// and infinity, and the epochs that no summary tells of.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { loaderOfTable, SUMMARY_FILE, tableFile } from "../../core/run-files.js";
import { ranges } from "../numbers.js";
import type { Fields } from "./files.js";
import type { LoaderPass, RunEpoch } from "./run-report.js";
import { type MetricsTable, readTable } from "./table.js";

/** The epochs that summary.json tells of. */
export function finishedEpochs(summary: Fields): RunEpoch[] {
  const epochs: RunEpoch[] = [];
  for (const stage of summary.list("stages")) {
    const name = stage.require("stage", stage.text("stage"), "a text");
    for (const epoch of stage.list("epochs")) {
      const loaders = epoch.keys
        .filter((key) => epoch.holds(key))
        .map((key) => [key, loaderPass(epoch.fields(key) as Fields)] as const);
      epochs.push({
        step: epochs.length + 1,
        stage: name,
        epoch: epoch.number("epoch"),
        seconds: epoch.number("seconds"),
        loaders: new Map(loaders),
      });
    }
  }
  return epochs;
}

function loaderPass(pass: Fields): LoaderPass {
  const metrics = pass.fields("metrics");
  // JSON has no NaN and no infinity: they are null there.
  const found = (metrics?.keys ?? []).map((key) => [key, metrics?.number(key) ?? Number.NaN] as const);
  return {
    seconds: pass.number("seconds"),
    samples: pass.number("samples"),
    samplesPerSecond: pass.number("samples_per_second"),
    batchesLeftOut: pass.number("batches_left_out"),
    metrics: new Map(found),
  };
}

/** Tables of metrics by loader. @throws UsageError when one cannot be read. */
export function readTables(logdir: string): Map<string, MetricsTable> {
  const tables = new Map<string, MetricsTable>();
  for (const name of readdirSync(logdir).sort()) {
    const loader = loaderOfTable(name);
    const table = loader === null ? null : readTable(join(logdir, name));
    if (loader !== null && table !== null && table.length > 0) tables.set(loader, table);
  }
  return tables;
}

/** The finished epochs, with what the tables know better, and those that only the tables know. */
export function withTables(
  finished: readonly RunEpoch[],
  tables: ReadonlyMap<string, MetricsTable>,
  entries: Fields | null,
  notes: string[],
): RunEpoch[] {
  const better = new Map<LoaderPass, ReadonlyMap<string, number>>();
  const added = new Map<number, Map<string, LoaderPass>>();
  for (const [loader, table] of tables) {
    // Rows and epochs are matched by their order: a recipe may set the counter back between stages.
    const passes = finished.flatMap(({ loaders }) => loaders.get(loader) ?? []);
    const unclear = passes
      .map((pass, row) => ({ pass, row }))
      .filter(({ pass, row }) => {
        return row < table.length && [...pass.metrics.values()].some(Number.isNaN);
      });
    const rows = unclear.map(({ pass, row }) => ({ pass, metrics: table.metrics(row) }));
    if (!rows.every(({ pass, metrics }) => agrees(pass.metrics, metrics))) {
      notes.push(`${tableFile(loader)} tells of other epochs than ${SUMMARY_FILE}: it is left out.`);
      continue;
    }
    for (const { pass, metrics } of rows) better.set(pass, metrics);
    for (let row = passes.length; row < table.length; row++) {
      const step = finished.length + row - passes.length + 1;
      const pass = { seconds: null, samples: null, samplesPerSecond: null, batchesLeftOut: null };
      const loaders = added.get(step) ?? new Map<string, LoaderPass>();
      added.set(step, loaders.set(loader, { ...pass, metrics: table.metrics(row) }));
    }
  }
  const known = finished.map((epoch) => {
    const loaders = [...epoch.loaders].map(([key, pass]) => {
      const metrics = better.get(pass);
      return [
        key,
        metrics === undefined ? pass : { ...pass, metrics: new Map([...pass.metrics, ...metrics]) },
      ];
    });
    return { ...epoch, loaders: new Map(loaders as [string, LoaderPass][]) };
  });
  const steps = [...added.keys()].sort((a, b) => a - b);
  if (steps.length > 0) {
    const which = steps.length === 1 ? `Epoch ${steps[0]} is` : `Epochs ${ranges(steps)} are`;
    notes.push(`${which} known from the tables of metrics only: the run did not come to tell more.`);
  }
  const more = steps.map((step) => {
    const place = placeOf(step, entries);
    return { step, ...place, seconds: null, loaders: added.get(step) ?? new Map<string, LoaderPass>() };
  });
  return [...known, ...more];
}

/** Whether the numbers that both know are the same. */
function agrees(summary: ReadonlyMap<string, number>, table: ReadonlyMap<string, number>): boolean {
  return [...summary].every(([name, value]) => {
    const other = table.get(name);
    return other === undefined || Object.is(value, other) || (Number.isNaN(value) && !Number.isFinite(other));
  });
}

/** Stage and epoch of a step, where a checkpoint was taken at it or later in its stage, whose epochs follow each other. */
function placeOf(step: number, entries: Fields | null): Pick<RunEpoch, "stage" | "epoch"> {
  for (const name of entries?.keys ?? []) {
    const entry = entries?.fields(name);
    const stage = entry?.text("_stage_");
    const epoch =
      (entry?.number("_epoch_") ?? Number.NaN) - ((entry?.number("_global_epoch_step_") ?? 0) - step);
    if (stage == null || !(epoch >= 1) || epoch > (entry?.number("_epoch_") ?? 0)) continue;
    return { stage, epoch };
  }
  return { stage: null, epoch: null };
}
