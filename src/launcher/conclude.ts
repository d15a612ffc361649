// The end of a run, decided: what its summary says and whether there is one, and which error the caller sees of a run
// that did not complete, with the command that goes on.
import { RunError } from "../core/errors.js";
import type { TrainOptions } from "../core/options/train-options.js";
import { isLast } from "../core/run-files.js";
import type { RunSummary } from "../core/summary.js";
import { rootCause } from "./processes/failure.js";
import { Interrupted } from "./processes/interruption.js";
import type { RunEnd } from "./processes/restarts.js";
import { removeRankLogs } from "./run-folder/remove-run.js";
import type { RunRecord } from "./run-folder/run-record.js";
import { failureLine, failureReport, restartedReport, resumeCommand } from "./terminal/report.js";

/** Returns the summary of a run that completed, or throws the error that a run which did not ends with. */
export function conclude(end: RunEnd, record: RunRecord, options: TrainOptions, isNew: boolean): RunSummary {
  const { outcome, restarts } = end;
  if (outcome.status === "completed") {
    if (outcome.results !== null) record.onRecorded(outcome.results);
    const weights_sha256 = outcome.results?.weights_sha256 ?? null;
    return record.finish({ status: "completed", weights_sha256 }, restarts);
  }
  const status = outcome.status === "interrupted" ? "interrupted" : "failed";
  // Before it has begun, an earlier run that it would replace or go on with is still there, whole.
  if (record.begun || (outcome.status === "failed" && isNew && !options.overwrite)) {
    record.finish({ status, error: reasonOf(end), weights_sha256: null }, restarts);
  } else if (isNew) {
    removeRankLogs(options.logdir);
  }
  throw errorOf(end, options, record.begun);
}

/** One line. After restarts, the first failure is the cause. */
function reasonOf({ outcome, first }: RunEnd): string {
  if (outcome.status === "interrupted") return `interrupted by ${outcome.signal}`;
  if (first !== null) return failureLine(rootCause(first));
  if (outcome.status === "failed") return failureLine(rootCause(outcome.failures));
  return outcome.status === "refused" ? outcome.error.message : "";
}

function errorOf(end: RunEnd, { logdir, recipe }: TrainOptions, begun: boolean): Error {
  const { outcome, first, restarts, checkpoint } = end;
  const goOn = resumeCommand(checkpoint === null || isLast(checkpoint) ? logdir : checkpoint, recipe);
  if (outcome.status === "interrupted") return new Interrupted(outcome.signal, begun ? goOn : null);
  if (outcome.status === "refused" && first === null) return outcome.error;
  const failed = outcome.status === "failed" ? failureReport(outcome.failures) : "";
  const last = outcome.status === "refused" ? outcome.error.message : failed;
  const lines = [first === null ? last : restartedReport(first, restarts, last), `  logs: ${logdir}`];
  if (checkpoint !== null) lines.push(`  to go on: ${goOn}`);
  return new RunError(lines.join("\n"));
}
