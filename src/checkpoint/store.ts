// The folder of a run's checkpoints: `{stage}.{epoch}.safetensors` for the best N epochs of each stage, `best` of the
// whole run, `last`, and `_metrics.json` that lists them. Every file is replaced whole, and `last` comes last: after a
// crash at any point, a run that goes on from `last` redoes the epoch and ends with the same checkpoints.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { linkFileAtomic, writeFileAtomic } from "../core/atomic-file.js";
import { messageOf, RunError, UsageError } from "../core/errors.js";
import { BEST, checkpointFile, epochCheckpoint, LAST, METRICS_FILE } from "../core/run-files.js";
import type { EpochMetrics, RunState } from "../core/state.js";
import type { BestSummary } from "../core/summary.js";
import { encodeState, parseState, readWhole } from "./format.js";
import { type CheckpointEntry, type Ranking, readEntries, writeEntries } from "./metrics-file.js";

export interface CheckpointStoreOptions {
  /**
   * The metric that tells the best epoch, and the loader it is taken from. Both or neither: without them the newest
   * epoch is the best.
   */
  readonly loaderKey?: string;
  readonly metricKey?: string;
  /** Whether a smaller metric is better. Required with a metric. */
  readonly minimize?: boolean;
  /** How much better a score must be to become the best. Default 1e-6. */
  readonly minDelta?: number;
  /** How many epoch files of a stage to keep, the best ones; of equal scores the earlier. Default 1. */
  readonly saveNBest?: number;
  /** Default `_metrics.json`. */
  readonly metricsFilename?: string;
}

export interface SavedCheckpoint {
  /** Null when the metric was not a finite number. */
  readonly score: number | null;
  readonly isBest: boolean;
  /** The epoch's own file, or `last` when the epoch is not among the best N. */
  readonly path: string;
}

/** References to the run's own checkpoints. */
const OWN_NAME = new RegExp(`^(${BEST}|${LAST})(?:_full)?$`);

/**
 * Saves and finds checkpoints in a folder; opened over existing files it goes on with their best and list.
 * Only one process may save; it alone sees its own `best` and `last` move.
 */
export class CheckpointStore {
  readonly #folder: string;
  readonly #ranking: Ranking;
  readonly #minDelta: number;
  readonly #saveNBest: number;
  readonly #metricsPath: string;
  #entries: Map<string, CheckpointEntry>;

  /** @throws UsageError when options contradict each other or the folder's metrics file is damaged. */
  constructor(folder: string, options: CheckpointStoreOptions = {}) {
    const { minDelta = 1e-6, saveNBest = 1, metricsFilename = METRICS_FILE } = options;
    if (!(minDelta >= 0)) throw new UsageError(`checkpoint: minDelta must be 0 or more, got ${minDelta}`);
    if (!Number.isSafeInteger(saveNBest) || saveNBest < 0) {
      throw new UsageError(`checkpoint: saveNBest must be a whole number, 0 or more, got ${saveNBest}`);
    }
    this.#folder = resolve(folder);
    this.#ranking = rankingOf(options);
    this.#minDelta = minDelta;
    this.#saveNBest = saveNBest;
    this.#metricsPath = join(this.#folder, metricsFilename);
    const listed = [...readEntries(this.#metricsPath)];
    this.#entries = new Map(listed.filter(([name]) => existsSync(this.#file(name))));
  }

  /** The best epoch so far, its path relative to the log folder; null before the first finite score. */
  get best(): BestSummary | null {
    const entry = this.#entries.get(BEST);
    if (!entry || entry._score_ === null) return null;
    return {
      stage: entry._stage_,
      epoch: entry._epoch_,
      metric: entry._metric_,
      score: entry._score_,
      path: this.#relative(BEST),
    };
  }

  /** The newest checkpoint, its path relative to the log folder; null before the first one. */
  get last(): { readonly path: string } | null {
    return existsSync(this.#file(LAST)) ? { path: this.#relative(LAST) } : null;
  }

  /**
   * Saves the state of an epoch's end, and moves `best` and `last`.
   * @throws UsageError when the epoch lacks the metric, or the stage's name cannot name a file.
   */
  save(state: RunState): SavedCheckpoint {
    const { stage, epoch } = state;
    if (/[/\\\0]/.test(stage)) {
      throw new UsageError(`checkpoint: stage "${stage}" cannot be part of a file name`);
    }
    const name = epochCheckpoint(stage, epoch);
    const entry = this.#entryOf(state);
    const best = this.#entries.get(BEST);
    const isBest = this.#isBetter(entry, best);
    const others = [...this.#entries].filter(([key]) => key !== BEST && key !== LAST && key !== name);
    const rivals = [...others.filter(([, other]) => other._stage_ === stage), [name, entry] as const];
    const evicted = rivals.sort(([, a], [, b]) => this.#compare(a, b)).slice(this.#saveNBest);
    const lost = new Set(evicted.map(([key]) => key));

    const entries = new Map<string, CheckpointEntry>();
    if (isBest || best) entries.set(BEST, isBest ? entry : best!);
    entries.set(LAST, entry);
    for (const [key, other] of [...others, [name, entry] as const]) {
      if (!lost.has(key)) entries.set(key, other);
    }
    this.#write(state, name, entries, isBest, lost);
    this.#entries = entries;
    return { score: entry._score_, isBest, path: this.#file(lost.has(name) ? LAST : name) };
  }

  /** Moves `last` alone: for a state from within an epoch, which has no score yet. */
  saveLast(state: RunState): void {
    try {
      mkdirSync(this.#folder, { recursive: true });
      writeFileAtomic(this.#file(LAST), ...encodeState(state));
    } catch (cause) {
      throw new RunError(`cannot save ${this.#file(LAST)}: ${messageOf(cause)}`, { cause });
    }
  }

  /**
   * Forgets epochs after this global one, for a run that goes on from there: their files go, and `best` becomes the
   * best of those that stay.
   */
  rewind(globalEpochStep: number): void {
    const kept = [...this.#entries].filter(([, entry]) => entry._global_epoch_step_ <= globalEpochStep);
    if (kept.length === this.#entries.size) return;
    const epochs = kept.filter(([key]) => key !== BEST && key !== LAST);
    const lost = [...this.#entries.keys()].filter((key) => !kept.some(([name]) => name === key));
    this.#entries = new Map(kept);
    if (lost.includes(BEST)) {
      const [best] = epochs.sort(([, a], [, b]) => this.#compare(a, b));
      if (best && this.#scoreOf(best[1]) !== null) {
        this.#entries.set(BEST, best[1]);
        linkFileAtomic(this.#file(best[0]), this.#file(BEST));
      } else rmSync(this.#file(BEST), { force: true });
    }
    if (lost.includes(LAST)) {
      const newest = epochs.sort(([, a], [, b]) => b._global_epoch_step_ - a._global_epoch_step_)[0];
      if (newest) {
        this.#entries.set(LAST, newest[1]);
        linkFileAtomic(this.#file(newest[0]), this.#file(LAST));
      } else rmSync(this.#file(LAST), { force: true });
    }
    for (const key of lost) if (key !== BEST && key !== LAST) rmSync(this.#file(key), { force: true });
    writeEntries(this.#metricsPath, this.#entries);
  }

  /**
   * The absolute path of a checkpoint: `best` or `last` (also as `best_full`, `last_full`), or any path.
   * @throws UsageError naming the path when there is no such file.
   */
  resolve(reference: string): string {
    const [, own] = OWN_NAME.exec(reference) ?? [];
    const path = own ? this.#file(own) : resolve(reference);
    if (existsSync(path)) return path;
    const hint = own === BEST ? `; no epoch has had a finite ${this.#ranking._metric_} yet` : "";
    throw new UsageError(`there is no checkpoint ${path}${hint}`);
  }

  /** The bytes of a checkpoint, for sending to other ranks, which parse them with `parseState`. Errors as `resolve`. */
  read(reference: string): Uint8Array {
    return readWhole(this.resolve(reference));
  }

  /** The state in a checkpoint. Errors as `resolve`, and a UsageError when the file is damaged. */
  load(reference: string): RunState {
    return parseState(this.read(reference), this.resolve(reference));
  }

  /** Evicts, then lists: a listed file that is gone is skipped on reopening, an unlisted one would stay for ever. */
  #write(
    state: RunState,
    name: string,
    entries: Map<string, CheckpointEntry>,
    isBest: boolean,
    lost: ReadonlySet<string>,
  ): void {
    let written: string | null = null;
    const place = (key: string) => {
      const path = this.#file(key);
      if (written === null) writeFileAtomic(path, ...encodeState(state));
      else linkFileAtomic(written, path);
      written ??= path;
    };
    try {
      mkdirSync(this.#folder, { recursive: true });
      if (!lost.has(name)) place(name);
      if (isBest) place(BEST);
      for (const key of lost) rmSync(this.#file(key), { force: true });
      writeEntries(this.#metricsPath, entries);
      place(LAST);
    } catch (cause) {
      throw new RunError(`cannot save checkpoint ${name} in ${this.#folder}: ${messageOf(cause)}`, { cause });
    }
  }

  #entryOf(state: RunState): CheckpointEntry {
    const { _loader_, _metric_ } = this.#ranking;
    const { globalEpochStep } = state.counters;
    const score = _loader_ === null ? globalEpochStep : metricOf(state.metrics, _loader_, _metric_);
    return {
      ...state.metrics,
      ...this.#ranking,
      _stage_: state.stage,
      _epoch_: state.epoch,
      _global_epoch_step_: globalEpochStep,
      _score_: Number.isFinite(score) ? score : null,
    };
  }

  /** Scores of another metric (a stage may name its own) cannot be compared: they count as none. */
  #scoreOf(entry: CheckpointEntry | undefined): number | null {
    const { _loader_, _metric_, _minimize_ } = this.#ranking;
    const isSame =
      entry?._loader_ === _loader_ && entry._metric_ === _metric_ && entry._minimize_ === _minimize_;
    return isSame ? entry._score_ : null;
  }

  #isBetter(entry: CheckpointEntry, best: CheckpointEntry | undefined): boolean {
    const [score, toBeat] = [this.#scoreOf(entry), this.#scoreOf(best)];
    if (score === null || toBeat === null) return score !== null;
    return this.#ranking._minimize_ ? score <= toBeat - this.#minDelta : score >= toBeat + this.#minDelta;
  }

  /** Orders a stage's epochs, best first: by score, those without one last, equal ones by age. */
  #compare(a: CheckpointEntry, b: CheckpointEntry): number {
    const worst = this.#ranking._minimize_ ? Infinity : -Infinity;
    const [x, y] = [this.#scoreOf(a) ?? worst, this.#scoreOf(b) ?? worst];
    if (x === y) return a._epoch_ - b._epoch_;
    return this.#ranking._minimize_ === x < y ? -1 : 1;
  }

  #file(name: string): string {
    return join(this.#folder, checkpointFile(name));
  }

  #relative(name: string): string {
    return `${basename(this.#folder)}/${checkpointFile(name)}`;
  }
}

function rankingOf({ loaderKey, metricKey, minimize }: CheckpointStoreOptions): Ranking {
  if (loaderKey === undefined && metricKey === undefined) {
    return { _metric_: "global_epoch_step", _loader_: null, _minimize_: false };
  }
  if (loaderKey === undefined || metricKey === undefined || minimize === undefined) {
    throw new UsageError("checkpoint: loaderKey, metricKey and minimize go together: give all three or none");
  }
  return { _metric_: metricKey, _loader_: loaderKey, _minimize_: minimize };
}

function metricOf(metrics: EpochMetrics, loaderKey: string, metricKey: string): number {
  const loader = metrics[loaderKey];
  if (!loader) {
    const known = Object.keys(metrics).join(", ") || "none";
    throw new UsageError(`checkpoint: there is no loader "${loaderKey}"; known: ${known}`);
  }
  const score = loader[metricKey];
  if (score !== undefined) return score;
  const known = Object.keys(loader).join(", ") || "none";
  throw new UsageError(`checkpoint: loader "${loaderKey}" has no metric "${metricKey}"; known: ${known}`);
}
