// A loader's table of metrics: a row an epoch, `NaN` and `Infinity` as such, which JSON cannot say. Rows are read when
// they are asked for: most reports need none.
import { readText } from "./files.js";

export class MetricsTable {
  readonly #columns: readonly string[];
  readonly #rows: readonly string[];

  constructor(text: string) {
    // What follows the last line break was cut off by a crash.
    const [header = "", ...rows] = text.split("\n").slice(0, -1);
    this.#columns = parseRow(header);
    this.#rows = this.#columns[0] === "step" ? rows : [];
  }

  get length(): number {
    return this.#rows.length;
  }

  /** What the row says of each metric; an empty cell is left out. */
  metrics(row: number): Map<string, number> {
    const found = new Map<string, number>();
    const cells = parseRow(this.#rows[row]);
    for (let i = 1; i < cells.length && i < this.#columns.length; i++) {
      if (cells[i] !== "") found.set(this.#columns[i], Number(cells[i]));
    }
    return found;
  }
}

/** Reads a table; null when there is no such file. @throws UsageError when it cannot be read. */
export function readTable(path: string): MetricsTable | null {
  const text = readText(path);
  return text === null ? null : new MetricsTable(text);
}

/** RFC 4180; a row is a line. */
function parseRow(row: string): string[] {
  if (!row.includes('"')) return row.split(",");
  return [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? plain : quoted.replaceAll('""', '"'),
  );
}
