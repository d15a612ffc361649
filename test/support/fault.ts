// A fault for test/fixtures/faulty-recipe.ts to commit: what the tests and the recipe in the worker share.
import { statSync } from "node:fs";

export const FAULT_KINDS = [
  "kill",
  "abort",
  "memory",
  "exit",
  "throw",
  "reject",
  "stop",
  "loop",
  "kill launcher",
  "kill launcher and loop",
  "kill all",
  "SIGINT",
  "SIGTERM",
  "SIGTERM to all",
  "SIGINT and loop",
  "nan",
] as const;

export interface Fault {
  readonly kind: (typeof FAULT_KINDS)[number];
  readonly rank: number;
  readonly stage: string;
  /** Counted from 1, as in messages. */
  readonly epoch: number;
  /** A loader, or `save`: when the first checkpoint of the epoch is about to be saved. */
  readonly loader: string;
  /** Counted from 1. */
  readonly batch: number;
  /** Path of a file that is created when it happens. */
  readonly marker: string;
}

/** When it happened, in milliseconds since 1970; false when it has not. */
export function hasHappened(marker: string): number | false {
  return statSync(marker, { throwIfNoEntry: false })?.mtimeMs ?? false;
}
