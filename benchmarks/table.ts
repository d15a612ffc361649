// Tables and numbers that read well both on a terminal and as Markdown.
import { spread } from "./statistics.js";

/** A Markdown table with aligned columns, the first to the left and the others to the right; row 0 is the head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const aligned = rows.map((row) =>
    line(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))),
  );
  const rule = line(widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)));
  return [aligned[0], rule, ...aligned.slice(1)].join("\n");
}

/** Three digits that count: `0.123`, `12.3`, `12345`. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = value === 0 ? 0 : 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(6, Math.max(0, digits)));
}

/** The median with its extremes, `1.42x (1.38 to 1.47)`; a dash where nothing was measured. */
export function cell(values: readonly number[] | null, unit = ""): string {
  if (values === null || values.length === 0) return "-";
  const { median, min, max } = spread(values);
  const middle = `${shortNumber(median)}${unit}`;
  return values.length === 1 ? middle : `${middle} (${shortNumber(min)} to ${shortNumber(max)})`;
}
