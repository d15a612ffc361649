// A run's state as a safetensors file that any safetensors library can read. Weights keep their own names, optimizer
// tensors are `optimizer/<name>`, callbacks' `callbacks/<callback>/<rank>/<name>`, all else is text in `__metadata__`,
// with a SHA-256 over the whole content. A weight whose own name begins with one of these words or with `model:` (or is
// `__metadata__`) is stored as `model:<name>`.
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { messageOf, UsageError } from "../core/errors.js";
import type {
  Counters,
  EpochMetrics,
  Json,
  OptimizerSettings,
  RunState,
  TensorState,
  TensorStates,
} from "../core/state.js";
import { parseProgress, progressOf } from "./progress.js";
import { encodeSafetensors, parseSafetensors, type SafetensorsContent } from "./safetensors.js";

const FORMAT = "ddp-train";
const VERSION = "2";
/** Version 1 kept callbacks' state as JSON of rank 0, loaders' metrics beside their times, and no optimizer settings. */
const READABLE: readonly string[] = ["1", VERSION];
const OPTIMIZER = "optimizer/";
const CALLBACKS = "callbacks/";
const ESCAPED = "model:";

/** The counters' names on disk. */
const COUNTER_KEYS: Readonly<Record<keyof Counters, string>> = {
  globalEpochStep: "global_epoch_step",
  globalBatchStep: "global_batch_step",
  globalSampleStep: "global_sample_step",
  stageEpochStep: "stage_epoch_step",
  stageBatchStep: "stage_batch_step",
  stageSampleStep: "stage_sample_step",
  loaderBatchStep: "loader_batch_step",
  loaderSampleStep: "loader_sample_step",
};

/** Encodes a state as the parts of a checkpoint file, to be written one after another. */
export function encodeState(state: RunState): Uint8Array[] {
  const tensors: TensorStates = Object.fromEntries([
    ...Object.entries(state.model).map(([name, tensor]) => [storedName(name), tensor] as const),
    ...Object.entries(state.optimizer).map(([name, tensor]) => [OPTIMIZER + name, tensor] as const),
    ...callbackTensors(state.callbacks),
  ]);
  const metadata = {
    format: FORMAT,
    version: VERSION,
    recipe: state.recipe,
    stage: state.stage,
    epoch: String(state.epoch),
    counters: JSON.stringify(encodeCounters(state.counters)),
    metrics: JSON.stringify(state.metrics, spellNonFinite),
    progress: JSON.stringify(progressOf(state), spellNonFinite),
    criterion: JSON.stringify(state.criterion),
    scheduler: JSON.stringify(state.scheduler, spellNonFinite),
    optimizer: JSON.stringify(state.optimizerSettings, spellNonFinite),
  };
  return encodeSafetensors(tensors, { ...metadata, sha256: digest({ tensors, metadata }) });
}

/**
 * Parses the bytes of a checkpoint file; `source` names the file in errors.
 * @throws UsageError naming the source when the file is damaged, or holds plain weights.
 */
export function parseState(bytes: Uint8Array, source: string): RunState {
  const content = parseSafetensors(bytes, source);
  if (!isCheckpoint(content)) {
    throw new UsageError(
      `${source}: holds plain weights, not a ddp-train checkpoint; start from it with --init-from`,
    );
  }
  verify(content, source);
  const { metadata } = content;
  const { model, optimizer, callbacks } = splitTensors(content.tensors);
  try {
    const progress = parseProgress(JSON.parse(metadata.progress, readNonFinite));
    return {
      model,
      optimizer,
      optimizerSettings: parseSettings(metadata.optimizer),
      criterion: JSON.parse(metadata.criterion) as Json,
      scheduler: JSON.parse(metadata.scheduler, readNonFinite) as Json,
      counters: parseCounters(JSON.parse(metadata.counters)),
      recipe: parseText("recipe", metadata.recipe),
      stage: parseText("stage", metadata.stage),
      epoch: parseCount("epoch", Number(metadata.epoch)),
      metrics: parseMetrics(JSON.parse(metadata.metrics)),
      ...progress,
      callbacks: withTensors(progress.callbacks, callbacks),
    };
  } catch (error) {
    // The SHA-256 is right, so this was written on purpose, by something that is not this program.
    throw new UsageError(`${source}: unreadable checkpoint metadata: ${messageOf(error)}`);
  }
}

/**
 * Reads a checkpoint.
 * @throws UsageError naming the path when it is missing, damaged or no checkpoint.
 */
export function readCheckpoint(path: string): RunState {
  return parseState(readWhole(path), path);
}

/**
 * Reads the model's weights from any safetensors file: a checkpoint, or one made by another library.
 * @throws UsageError naming the path when it is missing or damaged.
 */
export function readWeights(path: string): TensorStates {
  const content = parseSafetensors(readWhole(path), path);
  if (!isCheckpoint(content)) return content.tensors;
  verify(content, path);
  return splitTensors(content.tensors).model;
}

/**
 * Reads a file of any size (`readFileSync` ends at 2 GiB).
 * @throws UsageError naming the path.
 */
export function readWhole(path: string): Uint8Array {
  try {
    const file = openSync(path, "r");
    try {
      const bytes = new Uint8Array(fstatSync(file).size);
      for (let at = 0; at < bytes.length; ) {
        const count = readSync(file, bytes, at, Math.min(bytes.length - at, 2 ** 30), null);
        if (count === 0) throw new Error("it became shorter while it was read");
        at += count;
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new UsageError(`no such file: ${path}`);
    throw new UsageError(`cannot read ${path}: ${messageOf(error)}`);
  }
}

function isCheckpoint({ metadata }: SafetensorsContent): boolean {
  return metadata.format === FORMAT;
}

function verify({ tensors, metadata }: SafetensorsContent, source: string): void {
  const { sha256, ...rest } = metadata;
  if (!READABLE.includes(metadata.version)) {
    throw new UsageError(
      `${source}: is of checkpoint version ${metadata.version}; this ddp-train reads versions ${READABLE.join(" and ")}`,
    );
  }
  if (digest({ tensors, metadata: rest }) !== sha256) {
    throw new UsageError(`${source}: damaged: its content does not match the sha256 that was saved with it`);
  }
}

/** Covers names, dtypes, shapes, data and metadata, in an order that a copy by another library keeps. */
function digest({ tensors, metadata }: SafetensorsContent): string {
  const hash = createHash("sha256").update(JSON.stringify(sortedEntries(metadata)));
  for (const [name, { dtype, shape, data }] of sortedEntries(tensors)) {
    hash.update(JSON.stringify([name, dtype, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}

function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

function storedName(name: string): string {
  const isTaken =
    [OPTIMIZER, CALLBACKS, ESCAPED].some((word) => name.startsWith(word)) || name === "__metadata__";
  return isTaken ? ESCAPED + name : name;
}

function splitTensors(tensors: TensorStates): Record<"model" | "optimizer" | "callbacks", TensorStates> {
  const model: [string, TensorState][] = [];
  const optimizer: [string, TensorState][] = [];
  const callbacks: [string, TensorState][] = [];
  for (const [name, tensor] of Object.entries(tensors)) {
    if (name.startsWith(OPTIMIZER)) optimizer.push([name.slice(OPTIMIZER.length), tensor]);
    else if (name.startsWith(CALLBACKS)) callbacks.push([name, tensor]);
    else if (name.startsWith(ESCAPED)) model.push([name.slice(ESCAPED.length), tensor]);
    else model.push([name, tensor]);
  }
  return {
    model: Object.fromEntries(model),
    optimizer: Object.fromEntries(optimizer),
    callbacks: Object.fromEntries(callbacks),
  };
}

function callbackTensors(callbacks: RunState["callbacks"]): [string, TensorState][] {
  return Object.entries(callbacks).flatMap(([callback, { states }]) =>
    states.flatMap(({ tensors }, rank) => {
      return Object.entries(tensors).map(([name, tensor]): [string, TensorState] => [
        callbackPrefix(callback, rank) + name,
        tensor,
      ]);
    }),
  );
}

function withTensors(callbacks: RunState["callbacks"], stored: TensorStates): RunState["callbacks"] {
  const filled = Object.entries(callbacks).map(([callback, { states, ...rest }]) => {
    const whole = states.map(({ json }, rank) => {
      const prefix = callbackPrefix(callback, rank);
      const own = Object.entries(stored).filter(([name]) => name.startsWith(prefix));
      return {
        json,
        tensors: Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])),
      };
    });
    return [callback, { ...rest, states: whole }] as const;
  });
  return Object.fromEntries(filled);
}

/** A callback's name may hold a slash of its own. */
function callbackPrefix(callback: string, rank: number): string {
  return `${CALLBACKS}${encodeURIComponent(callback)}/${rank}/`;
}

/** Version 1 has none. */
function parseSettings(stored: string | undefined): OptimizerSettings | null {
  const value = JSON.parse(stored ?? "null", readNonFinite) as OptimizerSettings | null;
  if (value === null) return null;
  const numbers = Object.values(value.numbers);
  if (typeof value.class === "string" && numbers.every((item) => ["number", "boolean"].includes(typeof item)))
    return value;
  throw new Error("its optimizer settings are wrong");
}

const counterEntries = Object.entries(COUNTER_KEYS) as [keyof Counters, string][];

function encodeCounters(counters: Readonly<Counters>): Record<string, number> {
  return Object.fromEntries(counterEntries.map(([key, stored]) => [stored, counters[key]]));
}

function parseCounters(stored: Record<string, unknown>): Counters {
  const values = counterEntries.map(([key, name]) => [key, parseCount(name, stored[name])]);
  return Object.fromEntries(values) as Counters;
}

function parseCount(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Error(`its ${name} is ${value}`);
}

function parseText(name: string, value: string | undefined): string {
  if (value === undefined) throw new Error(`it has no ${name}`);
  return value;
}

/** JSON has no NaN or Infinity: a metric that is one is kept as its name. */
function spellNonFinite(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

function readNonFinite(_key: string, value: unknown): unknown {
  return value === "NaN" || value === "Infinity" || value === "-Infinity" ? Number(value) : value;
}

function parseMetrics(stored: Record<string, Record<string, number | string>>): EpochMetrics {
  const loaders = Object.entries(stored).map(([loaderKey, metrics]) => {
    const values = Object.entries(metrics).map(([name, value]) => [name, Number(value)] as const);
    return [loaderKey, Object.fromEntries(values)] as const;
  });
  return Object.fromEntries(loaders);
}
