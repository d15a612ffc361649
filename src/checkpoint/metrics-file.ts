// `_metrics.json`: what each checkpoint of the folder is, by its name: `best`, `last` and every kept `{stage}.{epoch}`.
// Beside the epoch's metrics by loader, an entry says with underscores where it was taken and what it scored.
// A number that JSON lacks (NaN, Infinity) is null.
import { existsSync } from "node:fs";
import { writeFileAtomic } from "../core/atomic-file.js";
import { UsageError } from "../core/errors.js";
import type { Json } from "../core/state.js";
import { readWhole } from "./format.js";

/** What an epoch is ranked by: `{ _metric_: "loss", _loader_: "valid", _minimize_: true }`. */
export interface Ranking {
  readonly _metric_: string;
  /** Null when epochs are ranked by their number alone. */
  readonly _loader_: string | null;
  readonly _minimize_: boolean;
}

export interface CheckpointEntry extends Ranking {
  readonly _stage_: string;
  /** 1-based, within the stage. */
  readonly _epoch_: number;
  readonly _global_epoch_step_: number;
  /** Null when the score was not a finite number. */
  readonly _score_: number | null;
  /** By loader key: metric name -> value. */
  readonly [loaderKey: string]: Json;
}

/** Writes all entries; the file is the old one or the new one at any time. */
export function writeEntries(path: string, entries: ReadonlyMap<string, CheckpointEntry>): void {
  writeFileAtomic(path, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
}

/**
 * Reads the entries of a file; none when there is no file.
 * @throws UsageError naming the file when it is not what {@link writeEntries} writes.
 */
export function readEntries(path: string): Map<string, CheckpointEntry> {
  return existsSync(path) ? parseEntries(readWhole(path), path) : new Map();
}

/** As {@link readEntries}, of the file's bytes. */
export function parseEntries(bytes: Uint8Array, path: string): Map<string, CheckpointEntry> {
  try {
    const entries: [string, unknown][] = Object.entries(JSON.parse(new TextDecoder().decode(bytes)));
    if (entries.every((item): item is [string, CheckpointEntry] => isEntry(...item))) return new Map(entries);
  } catch {
    // No JSON, or no object.
  }
  throw new UsageError(`${path} is damaged: restore it, or move it away to forget the checkpoints it lists`);
}

function isEntry(name: string, value: unknown): boolean {
  const entry = (value ?? {}) as Record<keyof CheckpointEntry, unknown>;
  const { _metric_, _loader_, _minimize_, _stage_, _epoch_, _global_epoch_step_, _score_ } = entry;
  return (
    // Names become paths of files to remove: none may lead out of the folder.
    !/[/\\\0]/.test(name) &&
    typeof _metric_ === "string" &&
    (_loader_ === null || typeof _loader_ === "string") &&
    typeof _minimize_ === "boolean" &&
    typeof _stage_ === "string" &&
    Number.isSafeInteger(_epoch_) &&
    Number.isSafeInteger(_global_epoch_step_) &&
    (_score_ === null || Number.isFinite(_score_))
  );
}
