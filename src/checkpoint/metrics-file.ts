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
  if (!existsSync(path)) return new Map();
  try {
    const entries = Object.entries(JSON.parse(new TextDecoder().decode(readWhole(path)))) as [
      string,
      unknown,
    ][];
    if (entries.every((item): item is [string, CheckpointEntry] => isEntry(...item))) return new Map(entries);
  } catch (error) {
    if (error instanceof UsageError) throw error;
  }
  throw new UsageError(`${path} is damaged: restore it, or move it away to forget the checkpoints it lists`);
}

function isEntry(name: string, value: unknown): boolean {
  const { _stage_, _epoch_, _score_ } = (value ?? {}) as Record<string, unknown>;
  const isScore = _score_ === null || typeof _score_ === "number";
  // Names become paths of files to remove: none may lead out of the folder.
  return !/[/\\]/.test(name) && typeof _stage_ === "string" && Number.isSafeInteger(_epoch_) && isScore;
}
