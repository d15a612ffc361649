// A whole run, from options to summary: probe the engines, claim the log folder, fork the workers, see them through,
// write summary.json. The command line calls this, and so can any program.
import { RunError, UsageError } from "../core/errors.js";
import type { TrainOptions } from "../core/options.js";
import type { Prepared } from "../core/protocol.js";
import type { RunSummary } from "../core/summary.js";
import { announceEngine } from "./announce.js";
import { type Console, openConsole } from "./console.js";
import { Interrupted, type Interruption, noInterruption } from "./interruption.js";
import { beginRun, claimLogdir, discardLogdir, refuseHeldLogdir, writeSummary } from "./logdir.js";
import { type LaunchOptions, resolveOptions } from "./options.js";
import { type Probed, probe } from "./probe.js";
import { failureLine, failureReport, rootCause, summaryText } from "./report.js";
import { openSocketFolder } from "./socket-folder.js";
import { type Outcome, supervise } from "./supervise.js";
import { versions } from "./versions.js";

/** What a run touches outside of its log folder; each has a default. */
export interface LaunchIo extends Interruption {
  /** The program that is forked for each worker. */
  readonly entry: URL;
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** Workers where no GPU decides. */
const DEFAULT_WORKERS = 2;

/**
 * Trains, and resolves to the summary of the completed run.
 * @throws UsageError for the caller's mistake; RunError with the report when a worker failed; Interrupted.
 */
export async function launch(given: LaunchOptions = {}, io: Partial<LaunchIo> = {}): Promise<RunSummary> {
  const full: LaunchIo = { ...defaultIo(), ...io };
  const started = { time: new Date(), at: performance.now() };
  const wanted = resolveOptions(given, full.env);
  const console = openConsole(full, wanted.verbosity);
  refuseHeldLogdir(wanted.logdir, wanted.overwrite);

  const probed = await probe(wanted.device, wanted.workers, full);
  const { gpusAsked, ...rest } = wanted;
  const workers = wanted.workers ?? (probed.choice.engine === "cuda" ? probed.gpus : DEFAULT_WORKERS);
  announceEngine(probed, { workers, device: wanted.device, gpusAsked }, console);

  const options = { ...rest, workers, logdir: claimLogdir(wanted.logdir, wanted.overwrite) };
  return await run(options, probed, full, console, started);
}

function defaultIo(): LaunchIo {
  const { env, stdout, stderr } = process;
  return { entry: new URL("../worker/main.js", import.meta.url), env, stdout, stderr, ...noInterruption() };
}

async function run(
  options: TrainOptions,
  { choice }: Probed,
  io: LaunchIo,
  console: Console,
  started: { readonly time: Date; readonly at: number },
): Promise<RunSummary> {
  let prepared: Prepared | null = null;
  const sockets = openSocketFolder(options.workers);
  let outcome: Outcome;
  try {
    outcome = await supervise({
      ...io,
      ...sockets,
      options,
      engine: choice.engine,
      // Only the terminal itself lets a progress bar know that it is on one.
      stdout: io.stdout === process.stdout ? "inherit" : (line) => console.relay(line, "stdout"),
      print: (line, level) => console[level](line),
      relay: console.relay,
      onPrepared: (found) => {
        prepared = found;
        beginRun(options.logdir, configOf(options, choice, found, started.time));
      },
    });
  } finally {
    sockets.remove();
  }
  const summary = summarize(outcome, prepared, {
    engine: choice.engine,
    world_size: options.workers,
    wall_seconds: (performance.now() - started.at) / 1000,
  });
  const error = errorOf(outcome, options.logdir);
  // Before the run has begun, an earlier one that it would replace is still there, whole.
  const unbegun = prepared === null && (error instanceof UsageError || options.overwrite);
  if (unbegun) discardLogdir(options.logdir);
  else writeSummary(options.logdir, summary);
  if (error !== null) throw error;
  console.info(`\n${summaryText(summary, options.logdir, console.bold)}`);
  return summary;
}

function errorOf(outcome: Outcome, logdir: string): Error | null {
  if (outcome.status === "completed") return null;
  if (outcome.status === "interrupted") return new Interrupted(outcome.signal);
  const { error } = rootCause(outcome.failures);
  if (error?.usage) return new UsageError(error.message);
  return new RunError(`${failureReport(outcome.failures)}\n  logs: ${logdir}`);
}

function summarize(
  outcome: Outcome,
  prepared: Prepared | null,
  run: Pick<RunSummary, "engine" | "world_size" | "wall_seconds">,
): RunSummary {
  const results =
    outcome.status === "completed"
      ? outcome.results
      : { error: reasonOf(outcome), stages: [], best: null, last: null, weights_sha256: null };
  const { status } = outcome;
  return { status, recipe: prepared?.recipe ?? "", dataset: datasetOf(prepared), ...run, ...results };
}

function reasonOf(outcome: Exclude<Outcome, { status: "completed" }>): string {
  if (outcome.status === "interrupted") return `interrupted by ${outcome.signal}`;
  return failureLine(rootCause(outcome.failures));
}

/** The data's name, which a recipe's prepareData tells as `dataset`; the recipe's own name where it does not. */
function datasetOf(prepared: Prepared | null): string {
  const data = prepared?.data;
  if (typeof data === "object" && data !== null && "dataset" in data && typeof data.dataset === "string") {
    return data.dataset;
  }
  return prepared?.recipe ?? "";
}

function configOf(
  options: TrainOptions,
  engine: Probed["choice"],
  prepared: Prepared,
  started: Date,
): object {
  const { recipe, stages, data } = prepared;
  return {
    started: started.toISOString(),
    versions: versions(),
    recipe,
    stages,
    world_size: options.workers,
    engine,
    options: snakeCase(options),
    data,
  };
}

/** The option's names as they are on disk: `batch_size`. */
function snakeCase(options: TrainOptions): Record<string, unknown> {
  const renamed = Object.entries(options).map(([key, value]) => [
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return Object.fromEntries(renamed);
}
