// A whole run, from options to summary: claim the log folder, probe the engines, fork the workers, see them through,
// write summary.json. The command line calls this, and so can any program.
import type { GivenOptions, OptionRows } from "../core/options/row.js";
import type { TrainOptions } from "../core/options/train-options.js";
import type { RunSummary } from "../core/summary.js";
import { singleNode } from "../core/topology.js";
import { factsOf } from "../engine/engines.js";
import { MNIST_OPTIONS } from "../recipes/mnist-options.js";
import { conclude } from "./conclude.js";
import {
  type LaunchOptions,
  type OwnValues,
  resolveOptions,
  resolveOwn,
  type WantedOptions,
} from "./options/resolve.js";
import { type Interruption, noInterruption } from "./processes/interruption.js";
import { probe } from "./processes/probe.js";
import { runWithRestarts } from "./processes/restarts.js";
import { removeAbandonedSockets } from "./processes/socket-folder.js";
import { type Claim, claimLogdir, reclaimLogdir } from "./run-folder/logdir.js";
import { writeRunReport } from "./run-folder/report-file.js";
import {
  type EarlierRun,
  findCheckpoint,
  locateRun,
  readEarlierRun,
  resumedOptions,
  resumedOwn,
} from "./run-folder/resume.js";
import { RunRecord } from "./run-folder/run-record.js";
import { announceEngine } from "./terminal/announce.js";
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
  /** The recipe's own options, once its rows are known. @throws UsageError */
  readonly own: (rows: OptionRows) => OwnValues;
  readonly claim: Claim;
  /** The run that is resumed, or null. */
  readonly earlier: EarlierRun | null;
  /** The checkpoint to go on from, or null to start at the beginning. */
  readonly resume: string | null;
}

/** Workers where no GPU decides. */
const DEFAULT_WORKERS = 2;

/**
 * Trains, and resolves to the summary of the completed run. `Own` are the options that a recipe of your own declares:
 * `launch<{ layers: number }>({ recipe, layers: 3 })`.
 * @throws UsageError for the caller's mistake; RunError with the report when a worker failed; Interrupted.
 */
export async function launch<Own extends object = GivenOptions<typeof MNIST_OPTIONS>>(
  given?: LaunchOptions<NoInfer<Own>>,
  io: Partial<LaunchIo> = {},
): Promise<RunSummary> {
  const all: AnyOptions = { ...given };
  const started = { time: new Date(), at: performance.now() };
  removeAbandonedSockets();
  const isNew = all.resume === undefined;
  return await (isNew ? launchNew(all, launchIo(io), started) : launchResumed(all, launchIo(io), started));
}

/** What a run touches, with defaults for what is not given. */
export function launchIo(io: Partial<LaunchIo>): LaunchIo {
  const { env, stdout, stderr } = process;
  const entry = new URL("../worker/main.js", import.meta.url);
  return { entry, env, stdout, stderr, ...noInterruption(), ...io };
}

/** Its own options are not known yet. */
type AnyOptions = LaunchOptions<object>;
type Started = { readonly time: Date; readonly at: number };

async function launchNew(given: AnyOptions, io: LaunchIo, started: Started): Promise<RunSummary> {
  const wanted = resolveOptions(given, io.env);
  const own = (rows: OptionRows) => resolveOwn(rows, given, io.env);
  // What the built-in recipe has is known; another recipe has to be asked first.
  if (wanted.recipe === null) own(MNIST_OPTIONS);
  const claim = await claimLogdir(wanted.logdir, wanted.overwrite);
  try {
    return await run({ wanted, own, claim, earlier: null, resume: null }, io, started);
  } finally {
    claim.release();
  }
}

async function launchResumed(given: AnyOptions, io: LaunchIo, started: Started): Promise<RunSummary> {
  const place = locateRun(given);
  const claim = await reclaimLogdir(place.logdir);
  try {
    const earlier = readEarlierRun(place.logdir);
    const wanted = resumedOptions(earlier.config, given, place);
    const own = (rows: OptionRows) => resumedOwn(earlier.config, given, rows);
    const resume = findCheckpoint(place, earlier.config.stages);
    return await run({ wanted, own, claim, earlier, resume }, io, started);
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
  const probed = await probe(wanted, io);
  const own = plan.own(probed.recipeOptions ?? MNIST_OPTIONS);
  const { gpusAsked, ...rest } = wanted;
  const engine = probed.choice;
  const workers = wanted.workers ?? (factsOf(engine.engine).gpu !== null ? probed.gpus : DEFAULT_WORKERS);
  announceEngine(probed, { workers, device: wanted.device, gpusAsked }, console);
  if (earlier !== null) announceResumption(earlier, plan, engine.engine, console);

  // The recipe's rows are what tells its class the types of its own values.
  const options = { ...rest, ...own, workers, logdir: claim.logdir } as unknown as TrainOptions;
  const topology = singleNode(workers);
  const record = new RunRecord({ options, topology, engine, earlier, started });
  const end = await runWithRestarts({
    ...io,
    console,
    options,
    topology,
    node: 0,
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
  try {
    const summary = conclude(end, record, options, earlier === null);
    console.info(`\n${summaryText(summary, claim.logdir, console.bold)}`);
    return summary;
  } finally {
    const report = record.finished ? await writeRunReport(claim.logdir, console.warn) : null;
    if (report !== null) console.info(`  ${console.bold("report  ")} ${shortPath(report)}`);
  }
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
