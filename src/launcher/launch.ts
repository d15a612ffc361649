// A whole run, from options to summary: claim the log folder, probe the engines, fork the workers, see them through,
// write summary.json. The command line calls this, and so can any program.
import type { TrainOptions } from "../core/options.js";
import type { RunSummary } from "../core/summary.js";
import { factsOf } from "../engine/engines.js";
import { type LaunchOptions, resolveOptions, type WantedOptions } from "./options/resolve.js";
import { type Interruption, noInterruption } from "./processes/interruption.js";
import { probe } from "./processes/probe.js";
import { runWithRestarts } from "./processes/restarts.js";
import { removeAbandonedSockets } from "./processes/socket-folder.js";
import { type Claim, claimLogdir, reclaimLogdir } from "./run-folder/logdir.js";
import {
  type EarlierRun,
  findCheckpoint,
  locateRun,
  readEarlierRun,
  resumedOptions,
} from "./run-folder/resume.js";
import { RunRecord } from "./run-folder/run-record.js";
import { announceEngine } from "./terminal/announce.js";
import { conclude } from "./terminal/conclude.js";
import { type Console, openConsole } from "./terminal/console.js";
import { shortPath, summaryText } from "./terminal/report.js";

/** What a run touches outside of its log folder; each has a default. */
export interface LaunchIo extends Interruption {
  /** The program that is forked for each worker. */
  readonly entry: URL;
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** What is settled before an engine is looked for. */
interface Plan {
  readonly wanted: WantedOptions;
  readonly claim: Claim;
  /** The run that is resumed, or null. */
  readonly earlier: EarlierRun | null;
  /** The checkpoint to go on from, or null to start at the beginning. */
  readonly resume: string | null;
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
  removeAbandonedSockets();
  const isNew = given.resume === undefined;
  return await (isNew ? launchNew(given, full, started) : launchResumed(given, full, started));
}

function defaultIo(): LaunchIo {
  const { env, stdout, stderr } = process;
  return { entry: new URL("../worker/main.js", import.meta.url), env, stdout, stderr, ...noInterruption() };
}

type Started = { readonly time: Date; readonly at: number };

async function launchNew(given: LaunchOptions, io: LaunchIo, started: Started): Promise<RunSummary> {
  const wanted = resolveOptions(given, io.env);
  const claim = await claimLogdir(wanted.logdir, wanted.overwrite);
  try {
    return await run({ wanted, claim, earlier: null, resume: null }, io, started);
  } finally {
    claim.release();
  }
}

async function launchResumed(given: LaunchOptions, io: LaunchIo, started: Started): Promise<RunSummary> {
  const place = locateRun(given);
  const claim = await reclaimLogdir(place.logdir);
  try {
    const earlier = readEarlierRun(place.logdir);
    const wanted = resumedOptions(earlier.config, given, place, io.env);
    const resume = findCheckpoint(place, earlier.config.stages);
    return await run({ wanted, claim, earlier, resume }, io, started);
  } finally {
    claim.release();
  }
}

async function run(plan: Plan, io: LaunchIo, started: Started): Promise<RunSummary> {
  const { wanted, claim, earlier, resume } = plan;
  const console = openConsole(io, wanted.verbosity);
  if (claim.replaced !== null) {
    console.warn(`took over the lock of process ${claim.replaced.pid}, which is gone`);
  }
  const probed = await probe(wanted.device, wanted.workers, io);
  const { gpusAsked, ...rest } = wanted;
  const engine = probed.choice;
  const workers = wanted.workers ?? (factsOf(engine.engine).gpu !== null ? probed.gpus : DEFAULT_WORKERS);
  announceEngine(probed, { workers, device: wanted.device, gpusAsked }, console);
  if (earlier !== null) announceResumption(earlier, plan, engine.engine, console);

  const options: TrainOptions = { ...rest, workers, logdir: claim.logdir };
  const record = new RunRecord({ options, engine, earlier, started });
  const attempts = await runWithRestarts({
    ...io,
    console,
    options,
    engine: engine.engine,
    resume,
    // Only the terminal itself lets a progress bar know that it is on one.
    stdout: io.stdout === process.stdout ? "inherit" : (line) => console.relay(line, "stdout"),
    print: (line, level) => console[level](line),
    notice: console.notice,
    relay: console.relay,
    onStarted: claim.setWorkers,
    onPrepared: (found, from) => record.onPrepared(found, from),
    onTraining: (from) => record.onTraining(from),
    onRecorded: (progress) => record.onRecorded(progress),
  });
  const summary = conclude(attempts, record, options, earlier === null);
  console.info(`\n${summaryText(summary, claim.logdir, console.bold)}`);
  return summary;
}

function announceResumption(
  { config }: EarlierRun,
  { claim, resume }: Plan,
  engine: string,
  console: Console,
): void {
  const run = shortPath(claim.logdir);
  console.info(
    resume === null
      ? `${run} has no checkpoint yet: starting at the beginning`
      : `going on with ${run} from ${shortPath(resume)}`,
  );
  if (config.engine !== engine) {
    console.warn(
      `trained on ${config.engine} before, on ${engine} from here: the numbers are not those of one engine`,
    );
  }
}
