// A run with its restarts: after a fault the whole group starts again, from the checkpoint that the run saved last.
import { statSync } from "node:fs";
import { lastCheckpoint } from "../../core/run-files.js";
import { worldSizeOf } from "../../core/topology.js";
import type { Console } from "../terminal/console.js";
import { failureLine } from "../terminal/report.js";
import { type Failure, rootCause } from "./failure.js";
import { openSocketFolder } from "./socket-folder.js";
import { type GroupSpec, type Outcome, supervise } from "./supervise.js";

export interface RunSpec extends Omit<GroupSpec, "endpoints" | "token" | "onPrepared" | "onPosition"> {
  readonly console: Console;
  /** As in {@link GroupSpec}, with the checkpoint that this start goes on from. */
  readonly onPrepared: (prepared: Parameters<GroupSpec["onPrepared"]>[0], resume: string | null) => void;
  readonly onTraining: (resume: string | null) => void;
}

/** How a run came out, restarts and all. */
export interface RunEnd {
  /** Of the last start. */
  readonly outcome: Outcome;
  /** Failures of the first start, when there was another one. */
  readonly first: readonly Failure[] | null;
  readonly restarts: number;
  /** The checkpoint that this run saved last, or else the one it was started from. */
  readonly checkpoint: string | null;
}

/** Runs the group, again after each fault until `maxRestarts` is used up. */
export async function runWithRestarts(spec: RunSpec): Promise<RunEnd> {
  const { maxRestarts, logdir } = spec.options;
  const last = lastCheckpoint(logdir);
  // A `last` that was there before is an earlier run's, which this one replaces, or one that was not asked for.
  const before = stampOf(last);
  const checkpoint = () => {
    const now = stampOf(last);
    return now !== null && now !== before ? last : spec.resume;
  };
  let first: readonly Failure[] | null = null;
  for (let restarts = 0; ; restarts++) {
    const outcome = await startGroup(spec, checkpoint());
    const isOver = outcome.status !== "failed" || restarts === maxRestarts || spec.stop.aborted;
    if (isOver) return { outcome, first, restarts, checkpoint: checkpoint() };
    first ??= outcome.failures;
    const from = checkpoint() ?? "the beginning";
    const cause = failureLine(rootCause(outcome.failures));
    spec.console.warn(`${cause}; restart ${restarts + 1} of ${maxRestarts}, from ${from}`);
  }
}

async function startGroup(spec: RunSpec, resume: string | null): Promise<Outcome> {
  const sockets = openSocketFolder(worldSizeOf(spec.topology));
  try {
    return await supervise({
      ...spec,
      ...sockets,
      resume,
      onPrepared: (prepared) => spec.onPrepared(prepared, resume),
      onPosition: () => spec.onTraining(resume),
    });
  } finally {
    sockets.remove();
  }
}

/** What tells a saved file from the one before: every save is a new file. */
function stampOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? null : `${found.ino} ${found.mtimeNs}`;
}
