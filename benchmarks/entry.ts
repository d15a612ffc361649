// The dated entries of docs/benchmarks.md: what was measured, on what, and the command that does it again. Nothing
// that names the machine or its folders goes in.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { writeFileAtomic } from "../src/core/atomic-file.js";
import { root } from "./places.js";

/** What one benchmark found. */
export interface Report {
  /** Markdown: tables and a line or two on how to read them. */
  readonly body: string;
  /** The peers' commands, without their paths. */
  readonly peers: readonly string[];
}

/** Everything else that an entry says. */
export interface Circumstances {
  readonly date: Date;
  /** Short hash, and whether the sources differed from it. */
  readonly commit: string;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
  /** Load average over the minute before the start: what others were doing. */
  readonly load: number;
  readonly command: string;
  readonly note: string | null;
}

const ENTRIES = "## Entries";
/** Options whose values are this machine's own. */
const PRIVATE = ["--data-dir", "--dist"];

/** Call it before anything is measured: afterwards the load is the benchmark's own. */
export function circumstances(
  argv: readonly string[],
  note: string | null,
  program = "npm run bench --",
): Circumstances {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--", "src", "benchmarks") !== "";
  return {
    date: new Date(),
    commit: git("rev-parse", "--short", "HEAD") + (changed ? " with changes" : ""),
    node: process.version,
    processor: cpus()[0].model.trim(),
    cores: availableParallelism(),
    load: loadavg()[0],
    command: [program, ...publicArguments(argv)].join(" "),
    note,
  };
}

/** An entry as it stands in the document. */
export function renderEntry(name: string, { body, peers }: Report, about: Circumstances): string {
  const { date, commit, node, processor, cores, load, command, note } = about;
  const when = date.toISOString().slice(0, 16).replace("T", " ");
  const facts = [
    `Node ${node}, ${cores} cores (${processor}), load average ${load.toFixed(2)} before the start.`,
    `\`${command}\``,
    peers.length === 0 ? "ours alone" : `in turns with ${peers.map((peer) => `\`${peer}\``).join(", ")}`,
  ];
  return [
    `### ${when} UTC, ${commit}: ${name}`,
    facts.join("  \n"),
    ...(note === null ? [] : [`**${note}**`]),
    body,
  ].join("\n\n");
}

/** The document with the entry before all others. @throws Error when it has no line for entries. */
export function insertEntry(document: string, entry: string): string {
  const at = `\n${document}`.indexOf(`\n${ENTRIES}\n`);
  if (at < 0) throw new Error(`docs/benchmarks.md has no line "${ENTRIES}"`);
  const end = at + ENTRIES.length;
  const rest = document.slice(end).trim();
  return `${document.slice(0, end)}\n\n${entry}\n${rest === "" ? "" : `\n${rest}\n`}`;
}

/** Writes the entry into the file. */
export function addEntry(path: string, entry: string): void {
  writeFileAtomic(path, insertEntry(readFileSync(path, "utf8"), entry));
}

/** The arguments without notes and places. */
export function publicArguments(argv: readonly string[]): string[] {
  const shown: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const [name, value] = argv[i].split("=", 2);
    if (name === "--note") i += value === undefined ? 1 : 0;
    else if (!PRIVATE.includes(name)) shown.push(argv[i]);
    else {
      shown.push(name, "<folder>");
      i += value === undefined ? 1 : 0;
    }
  }
  return shown;
}
