// Starts the workers of one machine and sees them through: one race of success against every way to fail. However
// it comes out, no worker is left when `supervise` is settled.
import { RunError } from "../core/errors.js";
import type { EngineName, TrainOptions } from "../core/options.js";
import type { Prepared } from "../core/protocol.js";
import type { RunResults } from "../core/summary.js";
import { type StopSignal, whenAborted } from "./interruption.js";
import { workerEnv } from "./worker-env.js";
import { type Failure, WorkerHandle } from "./worker-handle.js";

export interface GroupSpec {
  readonly entry: URL;
  readonly env: NodeJS.ProcessEnv;
  readonly options: TrainOptions;
  readonly engine: EngineName;
  /** Where each rank listens, by rank. */
  readonly endpoints: readonly string[];
  readonly token: string;
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  /** Rank 0's standard output: this process's own, or line by line. */
  readonly stdout: "inherit" | ((line: string) => void);
  /** A line for stdout or stderr. */
  readonly print: (line: string, level: "info" | "warn") => void;
  /** A line that a worker wrote, prefixed with its rank. */
  readonly relay: (line: string, stream: "stdout" | "stderr") => void;
  /** Called once data and stages are known, before training starts. */
  readonly onPrepared: (prepared: Prepared) => void;
}

export type Outcome =
  | { readonly status: "completed"; readonly results: RunResults }
  | { readonly status: "failed"; readonly failures: readonly Failure[] }
  | { readonly status: "interrupted"; readonly signal: StopSignal };

/** Milliseconds between a polite request to end and SIGKILL: all are gone within 5 s, whatever they do. */
const GRACE = 3000;

/** Runs the group; resolves once every worker has ended. */
export async function supervise(spec: GroupSpec): Promise<Outcome> {
  const workers: WorkerHandle[] = [];
  const killAll = () => workers.forEach((worker) => void worker.kill());
  spec.kill.addEventListener("abort", killAll);
  let outcome: Outcome;
  try {
    for (let rank = 0; rank < spec.options.workers; rank++) workers.push(startWorker(spec, rank));
    outcome = await firstOutcome(workers, spec);
    if (outcome.status === "completed") await Promise.all(workers.map((worker) => finish(worker, spec)));
  } finally {
    await Promise.all(workers.map((worker) => worker.stop(GRACE)));
    spec.kill.removeEventListener("abort", killAll);
  }
  if (outcome.status !== "failed") return outcome;
  return { status: "failed", failures: workers.flatMap((worker) => worker.failure ?? []) };
}

/** The race. What failed first may turn out to be a consequence, once all have ended and told their part. */
function firstOutcome(workers: readonly WorkerHandle[], spec: GroupSpec): Promise<Outcome> {
  return Promise.race<Outcome>([
    completion(workers),
    start(workers, spec),
    whenAborted(spec.stop).then((signal) => ({ status: "interrupted", signal })),
    ...workers.map((worker) =>
      worker.failed.then((failure): Outcome => ({ status: "failed", failures: [failure] })),
    ),
  ]);
}

function startWorker(spec: GroupSpec, rank: number): WorkerHandle {
  const { options, engine, endpoints, token } = spec;
  const worldSize = endpoints.length;
  const place = { rank, localRank: rank, worldSize, localWorldSize: options.workers };
  const prefix = `[rank ${rank}] `;
  const worker = new WorkerHandle({
    rank,
    entry: spec.entry,
    env: workerEnv(spec.env, place, engine),
    stdout: rank === 0 ? spec.stdout : (line) => spec.relay(prefix + line, "stdout"),
    stderr: (line) => spec.relay(prefix + line, "stderr"),
    onStatus: spec.print,
  });
  worker.send({
    type: "init",
    rank,
    localRank: rank,
    worldSize,
    endpoints,
    token,
    engine,
    options,
    resume: null,
  });
  return worker;
}

/** Passes on what this machine's first rank has prepared. Never resolves; rejects when `onPrepared` throws. */
async function start(workers: readonly WorkerHandle[], { onPrepared }: GroupSpec): Promise<never> {
  // No deadline: a download takes as long as it takes, reports its progress, and its death is noticed.
  const prepared = await workers[0].prepared;
  onPrepared(prepared);
  for (const worker of workers) worker.send({ type: "start", prepared });
  return new Promise<never>(() => {});
}

async function completion(workers: readonly WorkerHandle[]): Promise<Outcome> {
  const [results] = await Promise.all(workers.map((worker) => worker.done));
  if (results === null) throw new RunError("rank 0 was done without results");
  return { status: "completed", results };
}

/** The run is complete: how a process takes its leave changes nothing, but is worth a word. */
async function finish(worker: WorkerHandle, { print }: GroupSpec): Promise<void> {
  await worker.finish(GRACE);
  const { code, signal } = await worker.ended;
  if (code !== 0)
    print(`rank ${worker.rank} was done, but ended with ${signal ?? `exit code ${code}`}`, "warn");
}
