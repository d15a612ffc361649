// What a command of `ddp-train` is. Each has a file of its own here, and a line in list.ts.
import type { Given, OptionRows } from "../../core/options/row.js";
import type { LaunchIo } from "../launch.js";

/** Options under one heading of a command's help. */
export interface OptionGroup {
  readonly title: string;
  readonly rows: OptionRows;
}

/** A command: what it is called, what it takes, and what it does. */
export interface Command {
  /** As it is typed. */
  readonly name: string;
  /** What it does, in one sentence. */
  readonly summary: string;
  readonly options: OptionRows;
  /** Words that it takes beside options, any number of them; they are given under this name. */
  readonly operands?: { readonly name: string; readonly help: string };
  /** Shown at the end of its help, a line each. */
  readonly examples: readonly string[];
  /** Options that depend on what was typed. @throws UsageError; Interrupted. */
  readonly moreOptions?: (argv: readonly string[], io: LaunchIo) => Promise<OptionGroup>;
  /** Does it. @throws UsageError, RunError or Interrupted, which make the exit code. */
  readonly run: (given: Given, io: LaunchIo) => Promise<void>;
}
