// report.html of a run that came to its end. It is for reading only: nothing that goes wrong with it may touch the run.
import { join } from "node:path";
import { messageOf } from "../../core/errors.js";
import { REPORT_FILE } from "../../core/run-files.js";

/** Writes the report of the run in a log folder. Returns its path, or null when that failed, which `warn` is told. */
export async function writeRunReport(logdir: string, warn: (line: string) => void): Promise<string | null> {
  const path = join(logdir, REPORT_FILE);
  try {
    // The charts' libraries take a tenth of a second to load, which nothing needs before the end.
    const { writeReport } = await import("../../report/write.js");
    writeReport([logdir], path);
    return path;
  } catch (error) {
    warn(`no report is written: ${messageOf(error)}`);
    return null;
  }
}
