// The end of a run: its summary is written where the run has begun, and what did not complete becomes the error that
// the caller sees, with the command that goes on.
import { basename } from "node:path";
import { RunError } from "../../core/errors.js";
import type { TrainOptions } from "../../core/options/train-options.js";
import type { RunSummary } from "../../core/summary.js";
import { Interrupted } from "../processes/interruption.js";
import type { Attempts } from "../processes/restarts.js";
import { removeRankLogs } from "../run-folder/run-files.js";
import type { RunRecord } from "../run-folder/run-record.js";
import { failureLine, failureReport, plural, resumeCommand, rootCause } from "./report.js";

/** Returns the summary of a run that completed, or throws the error that a run which did not ends with. */
export function conclude(
  attempts: Attempts,
  record: RunRecord,
  options: TrainOptions,
  isNew: boolean,
): RunSummary {
  const { outcome, restarts } = attempts;
  if (outcome.status === "completed") {
    record.onRecorded(outcome.results);
    const { weights_sha256 } = outcome.results;
    return record.finish({ status: "completed", weights_sha256 }, restarts);
  }
  const status = outcome.status === "interrupted" ? "interrupted" : "failed";
  // Before it has begun, an earlier run that it would replace or go on with is still there, whole.
  if (record.begun || (outcome.status === "failed" && isNew && !options.overwrite)) {
    record.finish({ status, error: reasonOf(attempts), weights_sha256: null }, restarts);
  } else if (isNew) {
    removeRankLogs(options.logdir);
  }
  throw errorOf(attempts, options, record.begun);
}

/** One line. After restarts, the first failure is the cause. */
function reasonOf({ outcome, first }: Attempts): string {
  if (outcome.status === "interrupted") return `interrupted by ${outcome.signal}`;
  if (first !== null) return failureLine(rootCause(first));
  if (outcome.status === "failed") return failureLine(rootCause(outcome.failures));
  return outcome.status === "refused" ? outcome.error.message : "";
}

function errorOf(attempts: Attempts, { logdir, recipe }: TrainOptions, begun: boolean): Error {
  const { outcome, first, checkpoint } = attempts;
  const isLast = checkpoint === null || basename(checkpoint) === "last.safetensors";
  const goOn = resumeCommand(isLast ? logdir : checkpoint, recipe);
  if (outcome.status === "interrupted") return new Interrupted(outcome.signal, begun ? goOn : null);
  if (outcome.status === "refused" && first === null) return outcome.error;
  const lines = [reportOf(attempts), `  logs: ${logdir}`];
  if (checkpoint !== null) lines.push(`  to go on: ${goOn}`);
  return new RunError(lines.join("\n"));
}

function reportOf({ outcome, first, restarts }: Attempts): string {
  const last = outcome.status === "failed" ? failureReport(outcome.failures) : "";
  const end = outcome.status === "refused" ? outcome.error.message : last;
  if (first === null) return end;
  return [failureReport(first), `  after ${plural(restarts, "restart")}:`, end.replaceAll(/^/gm, "  ")].join(
    "\n",
  );
}
