// One CSV file per loader (`train.csv`, `valid.csv`): a row an epoch, first column `step`, the global epoch. The first
// row fixes the columns; a metric that appears later widens the file rather than getting lost.
import { appendFileSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../core/atomic-file.js";
import { UsageError } from "../core/errors.js";
import type { LogScope, MetricsLogger } from "../core/metrics-logger.js";
import { tableFile } from "../core/run-files.js";

/**
 * Writes `<logdir>/<loader key>.csv`, numbers in full precision, missing ones as empty cells. Over an existing file it
 * goes on after the rows of earlier epochs; rows of epochs that are now run again are dropped.
 */
export class CsvLogger implements MetricsLogger {
  readonly #logdir: string;
  /** Columns of each open file, by path. */
  readonly #columns = new Map<string, readonly string[]>();

  constructor({ logdir }: { readonly logdir: string }) {
    this.#logdir = logdir;
  }

  /** @throws UsageError when a file of that name is there and is no table of metrics. */
  logLoader(loaderKey: string, metrics: Readonly<Record<string, number>>, { counters }: LogScope): void {
    const path = join(this.#logdir, tableFile(loaderKey));
    const step = counters.globalEpochStep;
    const known = this.#columns.get(path) ?? this.#open(path, step);
    const added = Object.keys(metrics).filter((name) => !known.includes(name));
    const columns = [...known, ...added];
    if (added.length > 0) widen(path, columns, added.length);
    this.#columns.set(path, columns);
    appendFileSync(path, formatRow([step, ...columns.slice(1).map((name) => metrics[name] ?? "")]));
  }

  flush(): void {
    for (const path of this.#columns.keys()) {
      const file = openSync(path, "r+");
      try {
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    }
  }

  /** The columns of the file, which afterwards holds only whole rows of steps before `step`. */
  #open(path: string, step: number): readonly string[] {
    mkdirSync(this.#logdir, { recursive: true });
    const [header, ...rows] = existsSync(path) ? readRows(path) : [];
    if (header === undefined) return ["step"];
    const columns = parseRow(header);
    if (columns[0] !== "step") throw new UsageError(`${path} is in the way: its first column is not "step"`);
    const kept = rows.filter((row) => Number(parseRow(row)[0]) < step);
    writeFileAtomic(path, [header, ...kept, ""].join("\n"));
    return columns;
  }
}

/** Gives the file a new header, and its rows as many empty cells more. */
function widen(path: string, columns: readonly string[], added: number): void {
  const rows = existsSync(path) ? readRows(path).slice(1) : [];
  const filled = rows.map((row) => `${row}${",".repeat(added)}\n`);
  writeFileAtomic(path, formatRow(columns), ...filled);
}

/** Whole rows only: what follows the last line break was cut off by a crash. */
function readRows(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

function formatRow(cells: readonly (string | number)[]): string {
  return `${cells.map((cell) => quote(String(cell))).join(",")}\n`;
}

/** RFC 4180, but a line break is a space: a row stays a line. */
function quote(cell: string): string {
  const line = cell.replace(/[\r\n]+/g, " ");
  return /[",]/.test(line) ? `"${line.replaceAll('"', '""')}"` : line;
}

function parseRow(row: string): string[] {
  return [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? plain : quoted.replaceAll('""', '"'),
  );
}
