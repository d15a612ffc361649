// The console: one line per loader and epoch, for the person who watches. With ten classes a loader has some fifty
// metrics; the line shows those without a `/`, and a verbose logger adds a table of the others.
import { styleText } from "node:util";
import type { LogScope, MetricsLogger } from "../core/metrics-logger.js";

export interface ConsoleOptions {
  /** Where to print. Default standard output. */
  readonly stream?: { write(text: string): unknown; readonly isTTY?: boolean };
  /** Default: when the stream is a terminal and NO_COLOR is not set. */
  readonly color?: boolean;
  /** Also print a table of the metrics with a `/` in their name (per class, averages). Default false. */
  readonly verbose?: boolean;
}

/**
 * Prints `train (1/3) accuracy: 0.9134 | ... | loss: 0.2712 | lr: 0.001` at each loader's end and
 * `* Epoch (1/3) stage freezed` at each epoch's.
 */
export class ConsoleLogger implements MetricsLogger {
  readonly #stream: NonNullable<ConsoleOptions["stream"]>;
  readonly #color: boolean;
  readonly #verbose: boolean;
  #width = "train".length;

  constructor({ stream = process.stdout, color, verbose = false }: ConsoleOptions = {}) {
    this.#stream = stream;
    // https://no-color.org: set and not empty.
    this.#color = color ?? (stream.isTTY === true && !process.env.NO_COLOR);
    this.#verbose = verbose;
  }

  logLoader(loaderKey: string, metrics: Readonly<Record<string, number>>, scope: LogScope): void {
    this.#width = Math.max(this.#width, loaderKey.length);
    const names = Object.keys(metrics).filter((name) => !name.includes("/"));
    const cells = names.sort(compareNames).map((name) => {
      return `${this.#style("dim", `${name}:`)} ${formatMetric(name, metrics[name])}`;
    });
    const title = this.#style("cyan", loaderKey.padEnd(this.#width));
    this.#stream.write(`${title} ${place(scope)} ${cells.join(this.#style("dim", " | "))}\n`);
    if (this.#verbose) this.#stream.write(formatTable(metrics));
  }

  logEpoch(scope: LogScope): void {
    this.#stream.write(`${this.#style("bold", `* Epoch ${place(scope)}`)} stage ${scope.stage}\n`);
  }

  #style(format: "bold" | "cyan" | "dim", text: string): string {
    // Newer Node would look at process.stdout itself; whether to colour is decided already.
    return this.#color ? styleText(format, text, { validateStream: false }) : text;
  }
}

/** Epochs of equal width: `( 1/12)`. */
function place({ epoch, epochs }: LogScope): string {
  return `(${String(epoch).padStart(String(epochs).length)}/${epochs})`;
}

/** What a reader asks first: how good, then at what loss, then how it was set. */
function compareNames(a: string, b: string): number {
  return weight(a) - weight(b) || (a < b ? -1 : 1);
}

const SETTINGS = 3;

function weight(name: string): number {
  if (name.startsWith("accuracy")) return 0;
  if (name.includes("loss")) return 2;
  if (name === "lr") return SETTINGS;
  return name === "momentum" ? SETTINGS + 1 : 1;
}

/** Four decimals, so that columns stand under each other; what would vanish or swell in them, in its own way. */
function formatNumber(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 0.001 || size >= 1e6) ? value.toExponential(3) : value.toFixed(4);
}

/** Settings (0.001) are read as they were typed, measurements with fixed decimals. */
function formatMetric(name: string, value: number): string {
  return weight(name) >= SETTINGS ? String(Number(value.toPrecision(4))) : formatNumber(value);
}

/** `precision/class_00` is row `class_00` of column `precision`. Empty without such metrics. */
function formatTable(metrics: Readonly<Record<string, number>>): string {
  const columns = new Map<string, Map<string, number>>();
  for (const [name, value] of Object.entries(metrics)) {
    const slash = name.indexOf("/");
    if (slash < 0) continue;
    const [column, row] = [name.slice(0, slash), name.slice(slash + 1)];
    columns.set(column, (columns.get(column) ?? new Map()).set(row, value));
  }
  if (columns.size === 0) return "";
  const rows = [...new Set([...columns.values()].flatMap((column) => [...column.keys()]))];
  const lines = ["", ...rows].map((row) => `  ${row}`);
  pad(lines, "end");
  for (const [name, column] of columns) {
    // Counts (support) are whole, and read better so.
    const values = [...column.values()];
    const format =
      values.every(Number.isInteger) && values.some((value) => value > 1) ? String : formatNumber;
    const cells = [name, ...rows.map((row) => (column.has(row) ? format(column.get(row)!) : ""))];
    pad(cells, "start");
    for (const [i, cell] of cells.entries()) lines[i] += `  ${cell}`;
  }
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

/** Pads all cells in place to the width of the widest. */
function pad(cells: string[], side: "start" | "end"): void {
  const width = Math.max(...cells.map((cell) => cell.length));
  for (const [i, cell] of cells.entries()) {
    cells[i] = side === "start" ? cell.padStart(width) : cell.padEnd(width);
  }
}
