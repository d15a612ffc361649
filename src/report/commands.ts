// What to type: the run again, and on from where it is. Words are quoted for a POSIX shell.
import { join } from "node:path";
import { flagOf, type OptionRow, snakeCase, storedKey } from "../core/options/row.js";
import { OPTIONS } from "../core/options/table.js";
import type { RunReport } from "./record/run-report.js";

/** A command, and what it does. */
export interface NextCommand {
  readonly does: string;
  readonly command: string;
  /** What the reader must add, in a sentence; null when it is complete. */
  readonly lacks: string | null;
}

/** A row of the trainer's options, and its name on disk. */
interface StoredRow {
  readonly key: string;
  readonly name: string;
  readonly row: OptionRow;
}

const ROWS: readonly StoredRow[] = Object.entries<OptionRow>(OPTIONS).flatMap(([key, row]) => {
  const stored = storedKey(key, row);
  return stored === null ? [] : [{ key, name: snakeCase(stored), row }];
});

/** Of the options that a resumed run may change, those on which its numbers depend. */
const DECISIVE: readonly string[] = ["workers", "device", "recipe"] satisfies (keyof typeof OPTIONS)[];

/** Trains the same again, from the beginning; null when it is not known how the run was started. */
export function repeatCommand({ setup, engine, worldSize, dataset }: RunReport): NextCommand | null {
  if (setup === null) return null;
  const options = new Map(setup.options);
  // What "auto" came to.
  if (engine !== null) options.set("device", engine);
  if (worldSize !== null) options.set("workers", worldSize);
  // The built-in recipe's datasets are named as its option names them; what another recipe tells is its own affair.
  const isBuiltIn = options.get("recipe") === null;
  if (isBuiltIn && options.get("dataset") === "auto" && dataset !== null) options.set("dataset", dataset);
  const isDecisive = ({ key, row }: StoredRow) =>
    row.group !== "Output" && (row.allowedOnResume !== true || DECISIVE.includes(key));
  const trainers = ROWS.filter(isDecisive).flatMap(({ key, name, row }) => {
    const value = options.get(name);
    return value === row.default ? [] : flagWords(flagOf(key), value);
  });
  const own = [...options].filter(([name]) => !ROWS.some((row) => row.name === name));
  const off = own.filter(([, value]) => value === false).map(([name]) => name);
  const owns = own.flatMap(([name, value]) => flagWords(`--${name.replaceAll("_", "-")}`, value));
  return {
    does: "Train the same again",
    command: commandLine(["ddp-train", ...trainers, ...owns]),
    lacks: off.length === 0 ? null : `Switches of the recipe that were off: ${off.join(", ")}.`,
  };
}

/** Goes on: a run that is not over from its last checkpoint, a completed one from its best weights; null without one. */
export function goOnCommand({ logdir, status, setup, last, best, epochs }: RunReport): NextCommand | null {
  const recipe = setup?.options.get("recipe");
  const ownRecipe = typeof recipe === "string" ? ["--recipe", recipe] : [];
  if (status !== "completed") {
    const isThere = last !== null || (status === "unfinished" && epochs.length > 0);
    if (!isThere) return null;
    const command = commandLine(["ddp-train", "--resume", logdir, ...ownRecipe]);
    return { does: "Go on from the last checkpoint", command, lacks: null };
  }
  if (best?.path == null) return null;
  const command = commandLine(["ddp-train", "--init-from", join(logdir, best.path), ...ownRecipe]);
  return { does: "Start another run from its best weights", command, lacks: null };
}

function flagWords(flag: string, value: unknown): string[] {
  if (value === null || value === undefined || value === false) return [];
  if (value === true) return [flag];
  return [flag, Array.isArray(value) ? value.join(",") : String(value)];
}

function commandLine(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
