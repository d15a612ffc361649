// What to type: the run again, and on from where it is. Words are quoted for a POSIX shell.
import { join } from "node:path";
import type { RunReport } from "./record/run-report.js";

/** Options that say where to write, what to print, when to wait and save: the numbers are the same without them. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "logdir",
  "overwrite",
  "verbosity",
  "progress",
  "timeout_seconds",
  "checkpoint_every",
  "max_restarts",
]);

/** Trains the same again, from the beginning; null when it is not known how the run was started. */
export function repeatCommand({ setup, engine, worldSize, dataset }: RunReport): string | null {
  if (setup === null) return null;
  const { options } = setup;
  const found: Readonly<Record<string, unknown>> = {
    // What "auto" came to.
    ...(engine === null ? {} : { device: engine }),
    ...(worldSize === null ? {} : { workers: worldSize }),
    ...(options.get("dataset") === "auto" && dataset !== null ? { dataset } : {}),
  };
  const words = [...options].flatMap(([name, value]) => {
    return LEFT_OUT.has(name) ? [] : flagWords(name, found[name] ?? value);
  });
  return commandLine(["ddp-train", ...words]);
}

/** A command that goes on, and what it does. */
export interface GoOn {
  readonly does: string;
  readonly command: string;
}

/** Goes on: a run that is not over from its last checkpoint, a completed one from its best weights; null without one. */
export function goOnCommand({ logdir, status, setup, last, best, epochs }: RunReport): GoOn | null {
  const recipe = setup?.options.get("recipe");
  const ownRecipe = typeof recipe === "string" ? ["--recipe", recipe] : [];
  if (status !== "completed") {
    const isThere = last !== null || (status === "unfinished" && epochs.length > 0);
    if (!isThere) return null;
    return {
      does: "Go on from the last checkpoint",
      command: commandLine(["ddp-train", "--resume", logdir, ...ownRecipe]),
    };
  }
  if (best?.path == null) return null;
  return {
    does: "Start from its best weights",
    command: commandLine(["ddp-train", "--init-from", join(logdir, best.path), ...ownRecipe]),
  };
}

function flagWords(name: string, value: unknown): string[] {
  const flag = `--${name.replaceAll("_", "-")}`;
  if (value === null || value === undefined || value === false) return [];
  if (value === true) return [flag];
  return [flag, Array.isArray(value) ? value.join(",") : String(value)];
}

function commandLine(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
