// Writes the report of runs into a file: what the command does, and a program may do.
import { writeFileAtomic } from "../core/atomic-file.js";
import { UsageError } from "../core/errors.js";
import { reportPage } from "./page.js";
import { readRun } from "./record.js";

/**
 * Writes one self-contained HTML file about the runs in these log folders, side by side where they are several. `out`
 * is replaced whole.
 * @throws UsageError when a folder holds no run, or none is named; RunError when `out` cannot be written.
 */
export function writeReport(logdirs: readonly string[], out: string): void {
  const [first, ...others] = logdirs.map(readRun);
  if (first === undefined) throw new UsageError("no log folder is named: name that of a run, or of several");
  writeFileAtomic(out, reportPage([first, ...others]));
}
