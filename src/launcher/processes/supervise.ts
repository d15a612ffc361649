// Starts the workers of one machine and sees them through: one race of success against every way to fail. However
// it comes out, no worker is left when `supervise` is settled.
import { setTimeout as delay } from "node:timers/promises";
import { RunError, UsageError } from "../../core/errors.js";
import type { EngineName } from "../../core/options/table.js";
import type { TrainOptions } from "../../core/options/train-options.js";
import type { Prepared } from "../../core/protocol.js";
import type { RunProgress, RunResults } from "../../core/summary.js";
import { placeOf, ranksOf, type Topology } from "../../core/topology.js";
import { type Failure, findSilent, rootCause } from "./failure.js";
import { type StopSignal, signalOf, whenAborted } from "./interruption.js";
import { workerEnv } from "./worker-env.js";
import { WorkerHandle } from "./worker-handle.js";

export interface GroupSpec {
  readonly entry: URL;
  readonly env: NodeJS.ProcessEnv;
  readonly options: TrainOptions;
  /** The run's machines, and which of them this one is: its workers are started here. */
  readonly topology: Topology;
  readonly node: number;
  readonly engine: EngineName;
  /** Where each rank listens, by rank. */
  readonly endpoints: readonly string[];
  readonly token: string;
  /** Absolute path of the checkpoint to go on from, or null. */
  readonly resume: string | null;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  /** Rank 0's standard output: this process's own, or line by line. */
  readonly stdout: "inherit" | ((line: string) => void);
  /** A line for stdout or stderr. */
  readonly print: (line: string, level: "info" | "warn") => void;
  /** A line that a worker wrote, prefixed with its rank. */
  readonly relay: (line: string, stream: "stdout" | "stderr") => void;
  /** An answer to a signal. */
  readonly notice: (line: string) => void;
  /** Called once the workers are there. */
  readonly onStarted: (pids: readonly number[]) => void;
  /** Called once data and stages are known, before training starts; a UsageError that it throws ends the run. */
  readonly onPrepared: (prepared: Prepared) => void;
  /** Called whenever the workers tell where they are: first when all that they start from is loaded. */
  readonly onPosition: () => void;
  /** Called with the results so far. */
  readonly onRecorded: (progress: RunProgress) => void;
}

export type Outcome =
  /** The results are null where rank 0 is on another machine. */
  | { readonly status: "completed"; readonly results: RunResults | null }
  | { readonly status: "failed"; readonly failures: readonly Failure[] }
  /** The caller's mistake. */
  | { readonly status: "refused"; readonly error: UsageError }
  | { readonly status: "interrupted"; readonly signal: StopSignal };

/** Milliseconds in which a worker that is done takes its leave. */
const GRACE = 3000;
/** Milliseconds in which the others may tell how they noticed a failure: all are gone within 5 s, whatever they do. */
const LAST_WORDS = 1000;

/** Runs the group; resolves once every worker has ended. */
export async function supervise(spec: GroupSpec): Promise<Outcome> {
  const workers: WorkerHandle[] = [];
  const killAll = () => workers.forEach((worker) => void worker.kill());
  spec.kill.addEventListener("abort", killAll);
  let grace = 0;
  let outcome: Outcome;
  try {
    for (const rank of ranksOf(spec.topology, spec.node)) workers.push(startWorker(spec, rank));
    spec.onStarted(workers.flatMap((worker) => worker.pid ?? []));
    outcome = await firstOutcome(workers, spec);
    if (outcome.status === "completed") await Promise.all(workers.map((worker) => finish(worker, spec)));
    if (outcome.status === "failed") grace = LAST_WORDS;
  } finally {
    await Promise.all(workers.map((worker) => worker.stop(worker.isDone ? GRACE : grace)));
    spec.kill.removeEventListener("abort", killAll);
  }
  if (outcome.status !== "failed") return outcome;
  const silent = findSilent(workers.flatMap((worker) => worker.failure ?? []));
  // One that hangs on another machine is that one's to stop.
  const hanging = workers.find(({ rank }) => rank === silent?.rank);
  if (silent !== null) hanging?.fallSilent(silent.by.at, silent.by.error!.message);
  const failures = workers.flatMap((worker) => worker.failure ?? []);
  const { error } = rootCause(failures);
  if (error?.usage) return { status: "refused", error: new UsageError(error.message) };
  return { status: "failed", failures };
}

/** The race. What failed first may turn out to be a consequence, once all have ended and told their part. */
function firstOutcome(workers: readonly WorkerHandle[], spec: GroupSpec): Promise<Outcome> {
  const training = new AbortController();
  return Promise.race<Outcome>([
    completion(workers, spec),
    start(workers, spec, training),
    interruption(workers, spec, training.signal),
    straggling(workers, spec),
    ...workers.map((worker) =>
      worker.failed.then((failure): Outcome => ({ status: "failed", failures: [failure] })),
    ),
  ]);
}

function startWorker(spec: GroupSpec, rank: number): WorkerHandle {
  const { options, topology, engine, endpoints, token, resume } = spec;
  const prefix = `[rank ${rank}] `;
  const worker = new WorkerHandle({
    rank,
    entry: spec.entry,
    env: workerEnv(spec.env, placeOf(topology, rank), engine),
    stdout: rank === 0 ? spec.stdout : (line) => spec.relay(prefix + line, "stdout"),
    stderr: (line) => spec.relay(prefix + line, "stderr"),
    onStatus: spec.print,
    onPosition: spec.onPosition,
    onRecorded: spec.onRecorded,
  });
  worker.send({ type: "init", rank, topology, endpoints, token, engine, options, resume });
  return worker;
}

/** Passes on what this machine's first rank has prepared; resolves only when that is refused. */
async function start(
  workers: readonly WorkerHandle[],
  { onPrepared }: GroupSpec,
  training: AbortController,
): Promise<Outcome> {
  // No deadline: a download takes as long as it takes, reports its progress, and its death is noticed.
  const prepared = await workers[0].prepared;
  try {
    onPrepared(prepared);
  } catch (error) {
    if (error instanceof UsageError) return { status: "refused", error };
    throw error;
  }
  training.abort();
  for (const worker of workers) worker.send({ type: "start", prepared });
  return await never();
}

/** Before training, a signal ends the run at once; later the workers finish their batch, and a second one kills. */
async function interruption(
  workers: readonly WorkerHandle[],
  spec: GroupSpec,
  training: AbortSignal,
): Promise<Outcome> {
  const signal = await Promise.race([whenAborted(spec.stop), whenAborted(spec.kill)]);
  if (training.aborted && !spec.kill.aborted) {
    const again = signal === "SIGINT" ? "press Ctrl-C again" : `send ${signal} again`;
    spec.notice(`${signal}: finishing the batch and saving; ${again} to stop at once`);
    for (const worker of workers) worker.send({ type: "interrupt" });
    await whenAborted(spec.kill);
  }
  return { status: "interrupted", signal };
}

/** A run that was complete before the interruption reached it is complete. */
async function completion(workers: readonly WorkerHandle[], spec: GroupSpec): Promise<Outcome> {
  const parts = await Promise.all(workers.map((worker) => worker.done));
  const results = parts.find((part) => part.results !== null)?.results ?? null;
  if (parts.some(({ interrupted }) => interrupted)) {
    if (results !== null) spec.onRecorded(results);
    return { status: "interrupted", signal: signalOf(spec.stop) };
  }
  if (results === null && workers.some(({ rank }) => rank === 0)) {
    throw new RunError("rank 0 was done without results");
  }
  return { status: "completed", results };
}

/** Ranks part at a barrier, so all are done in the same moment, but for one that hangs right after it. */
async function straggling(workers: readonly WorkerHandle[], { options }: GroupSpec): Promise<Outcome> {
  await Promise.race(workers.map((worker) => worker.done));
  await delay(options.timeoutSeconds * 1000, undefined, { ref: false });
  const silence = `another rank was done ${options.timeoutSeconds} s ago`;
  for (const worker of workers) if (!worker.isDone) worker.fallSilent(performance.now(), silence);
  return await never();
}

function never(): Promise<never> {
  return new Promise(() => {});
}

/** The run is complete: how a process takes its leave changes nothing, but is worth a word. */
async function finish(worker: WorkerHandle, { print }: GroupSpec): Promise<void> {
  await worker.stop(GRACE);
  const { code, signal } = await worker.ended;
  if (code !== 0)
    print(`rank ${worker.rank} was done, but ended with ${signal ?? `exit code ${code}`}`, "warn");
}
