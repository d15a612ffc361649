// `ddp-train report`: one HTML file about a run, or about several side by side.
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { UsageError } from "../../core/errors.js";
import { readChosen } from "../../core/options/read.js";
import { defineOptions } from "../../core/options/recipe-options.js";
import type { Given } from "../../core/options/row.js";
import { REPORT_FILE } from "../../core/run-files.js";
import { shortPath } from "../terminal/report.js";
import type { Command } from "./command.js";

const ROWS = defineOptions({
  out: {
    help: "the file to write",
    kind: { type: "text" },
    value: "file",
    default: null,
    defaultHelp: `${REPORT_FILE} in the log folder; of several runs, here`,
  },
});

export const report: Command = {
  name: "report",
  summary: "Draws a run, or several side by side, as one HTML file that needs no network.",
  options: ROWS,
  operands: { name: "logdir", help: "the log folder of a run, or of several" },
  examples: ["ddp-train report logs/first", "ddp-train report logs/first logs/second --out compared.html"],
  run: async (given, { stdout }) => {
    const logdirs = logdirsOf(given);
    const out = resolve(readChosen(ROWS, { out: given.out }).out ?? defaultPath(logdirs));
    if (statSync(out, { throwIfNoEntry: false })?.isDirectory()) {
      throw new UsageError(`--out wants a file, and ${out} is a folder: try ${join(out, REPORT_FILE)}`);
    }
    // The charts' libraries take a tenth of a second to load: only this command waits for them.
    const { writeReport } = await import("../../report/write.js");
    writeReport(logdirs, out);
    stdout.write(`${shortPath(out)}\n`);
  },
};

/** @throws UsageError when none is given. */
function logdirsOf({ logdir }: Given): readonly [string, ...string[]] {
  const [first, ...others] = Array.isArray(logdir) ? logdir.map(String) : [];
  if (first === undefined) throw new UsageError("name a run's log folder: ddp-train report logs/first");
  return [first, ...others];
}

function defaultPath([first, ...others]: readonly [string, ...string[]]): string {
  return others.length === 0 ? join(first, REPORT_FILE) : REPORT_FILE;
}
