// What a person reads at the end of a run: the failure, root cause first, or the results. Pure functions.
import { isAbsolute, relative, resolve } from "node:path";
import type { Position } from "../../core/protocol.js";
import type { EpochSummary, LoaderSummary, RunSummary, StageSummary } from "../../core/summary.js";
import { byTime, type Failure, rootCause } from "../processes/failure.js";

/** The report of a failed run: the root cause with its stack or last words, then a line for each consequence. */
export function failureReport(failures: readonly Failure[]): string {
  const root = rootCause(failures);
  const lines = [failureLine(root)];
  if (root.error !== null) {
    // The headline has the message already, all of it.
    const frames = root.error.stack.split("\n").filter((line) => /^\s+at /.test(line));
    lines.push(...frames.map((frame) => `    ${frame.trim()}`));
  } else if (root.lastWords.length > 0) {
    lines.push("  the last that it wrote:", ...root.lastWords.map((line) => `    ${line}`));
  }
  const others = byTime(failures.filter((failure) => failure !== root));
  if (others.length > 0)
    lines.push("  and then:", ...others.map((failure) => `    ${firstLine(failureLine(failure))}`));
  return lines.join("\n");
}

/** The report of a run that failed again after restarts: the first failure, then how it ended. */
export function restartedReport(first: readonly Failure[], restarts: number, end: string): string {
  const head = [failureReport(first), `  after ${plural(restarts, "restart")}:`];
  return [...head, end.replaceAll(/^/gm, "  ")].join("\n");
}

/** `rank 1 (pid 123) was killed by SIGKILL in stage freezed, epoch 2, train batch 117` */
export function failureLine({ rank, pid, error, end, silence, position }: Failure): string {
  const who = `rank ${rank} (pid ${pid ?? "none"})`;
  const where = positionText(position);
  if (silence !== null) {
    return `${who} did not answer ${where}: ${silence}; where that is no fault, a larger --timeout waits longer`;
  }
  if (error !== null) return `${who} failed ${where}: ${error.name}: ${error.message}`;
  if (end?.error) return `${who} could not be started: ${end.error.message}`;
  if (end?.signal) return `${who} was killed by ${end.signal} ${where}`;
  if (end?.code === 0) return `${who} ended before its work was done ${where}`;
  return `${who} ended with exit code ${end?.code} ${where}`;
}

function positionText(position: Position | null): string {
  if (position === null) return "before the first batch";
  const { stage, epoch, loader, batch, callback } = position;
  const where =
    loader === ""
      ? `at the start of stage ${stage}`
      : `in stage ${stage}, epoch ${epoch}, ${loader} batch ${batch}`;
  return callback === undefined ? where : `${where}, in ${callback}`;
}

function firstLine(text: string): string {
  const [first] = text.split("\n");
  return first.length > 200 ? `${first.slice(0, 199)}…` : first;
}

/** Emphasis for a terminal; plain text elsewhere. */
export type Emphasis = (text: string) => string;

/** The results of a completed run: a line per stage, then what was best, where it is, and how it was made. */
export function summaryText(summary: RunSummary, logdir: string, bold: Emphasis = (text) => text): string {
  const { best, weights_sha256, world_size, wall_seconds } = summary;
  const rows = [["stage", "epochs", "valid accuracy", "valid loss", "time", "train samples/s"]];
  for (const stage of summary.stages) rows.push(stageRow(stage));
  const [head, ...body] = align(rows);
  const facts: [string, string][] = [];
  if (best !== null) {
    facts.push(["best", `${best.stage} epoch ${best.epoch}, ${best.metric} ${decimal(best.score)}`]);
    facts.push(["", shortPath(resolve(logdir, best.path))]);
  }
  if (weights_sha256 !== null) facts.push(["weights", `sha256 ${weights_sha256.slice(0, 16)}…`]);
  facts.push([
    "run",
    `${plural(world_size, "worker")} on ${summary.engine}, ${summary.dataset}, ${duration(wall_seconds)}`,
  ]);
  facts.push(["logs", shortPath(logdir)]);
  const lines = [`  ${bold(head)}`, ...body.map((row) => `  ${row}`), ""];
  return [...lines, ...facts.map(([name, text]) => `  ${bold(name.padEnd(8))} ${text}`)].join("\n");
}

function stageRow({ stage, epochs }: StageSummary): string[] {
  const last = epochs.at(-1);
  const valid = last === undefined ? undefined : loaderOf(last, "valid");
  const trained = epochs.flatMap((epoch) => loaderOf(epoch, "train") ?? []);
  const samples = total(trained.map((loader) => loader.samples));
  const seconds = total(trained.map((loader) => loader.seconds));
  return [
    stage,
    String(epochs.length),
    decimal(valid?.metrics.accuracy01 ?? valid?.metrics.accuracy),
    decimal(valid?.metrics.loss),
    duration(total(epochs.map((epoch) => epoch.seconds))),
    seconds > 0 ? Math.round(samples / seconds).toLocaleString("en-US") : "-",
  ];
}

/** The epoch's first loader of a kind: loader keys start with it. */
function loaderOf(epoch: EpochSummary, kind: string): LoaderSummary | undefined {
  for (const [key, value] of Object.entries(epoch)) {
    if (key.startsWith(kind) && typeof value === "object") return value;
  }
  return undefined;
}

/** Pads columns to one width, the first to the left and numbers to the right. */
function align(rows: readonly string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("   "),
  );
}

/** What to type to go on with the run at `path`. A recipe is code: it is named by the user, not by the run. */
export function resumeCommand(path: string, recipe: string | null): string {
  const words = [
    "ddp-train",
    "--resume",
    shortPath(path),
    ...(recipe === null ? [] : ["--recipe", shortPath(recipe)]),
  ];
  return words
    .map((word) => (/^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}

/** The path from here when it is below, else as it is. */
export function shortPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere === "" || fromHere.startsWith("..") || isAbsolute(fromHere) ? path : fromHere;
}

function duration(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes} min ${Math.floor(seconds - 60 * minutes)} s`;
}

/** `2 workers` */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A NaN has become null on its way through JSON. */
function decimal(value: number | null | undefined): string {
  return typeof value === "number" ? value.toFixed(4) : "-";
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
