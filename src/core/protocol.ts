// Every message between the launcher and a worker, used by both sides. They travel over the IPC channel of
// child_process.fork as JSON.
//
//   launcher            worker
//     probe   ────────▶          asks a throw-away worker which engine can be had, and what options a recipe has
//             ◀──────── probed
//             ◀──────── described where there is a recipe to describe (that worker ends)
//    describe ────────▶          asks a throw-away worker for a recipe's options alone; `described` follows
//
//     init    ────────▶          who you are; the worker loads its libraries and the recipe
//             ◀──────── prepared from each machine's local rank 0: data is on disk, the stages are known
//     start   ────────▶          to all ranks
//   interrupt ────────▶          to all ranks: end after this batch, with `last` saved; `done` follows
//             ◀──────── status   a line for the person watching (rank 0)
//             ◀──────── at       where in the run the worker is, at each loader's start
//             ◀──────── recorded rank 0's results so far, after each epoch
//             ◀──────── failed   what broke, with the stack; the worker ends by itself after it
//             ◀──────── done     rank 0's carries the results
import type { SerializedError } from "./errors.js";
import type { OptionRows } from "./options/row.js";
import type { Device, EngineName } from "./options/table.js";
import type { TrainOptions } from "./options/train-options.js";
import type { Json } from "./state.js";
import type { RunProgress, RunResults } from "./summary.js";
import type { Topology } from "./topology.js";

/** What the probe found out. */
export interface EngineChoice<Name extends string = EngineName> {
  readonly engine: Name;
  /** One line that names the engine, its version and its hardware: `wasm (tfjs 4.22.0, SIMD)`. */
  readonly description: string;
  /** Better engines than the chosen one, and why each was not taken. */
  readonly skipped: readonly { readonly engine: Name; readonly reason: string }[];
}

/** Everything a worker needs to take its place in the group. */
export interface WorkerInit {
  readonly rank: number;
  /** All machines of the run and how many workers each has; where this rank is follows from it. */
  readonly topology: Topology;
  /** Where each rank listens, by rank: `ipc:///...` or `tcp://host:port`. */
  readonly endpoints: readonly string[];
  /** Secret of this run; peers that do not know it are not listened to. */
  readonly token: string;
  readonly engine: EngineName;
  readonly options: TrainOptions;
  /** Absolute path of the checkpoint to go on from, or null to start at the beginning. */
  readonly resume: string | null;
}

export interface Prepared {
  readonly recipe: string;
  /** The stages that will run, in order. */
  readonly stages: readonly string[];
  /** SHA-256 of the recipe's file; null for a built-in recipe. */
  readonly source: string | null;
  readonly data: Json;
}

/**
 * File descriptor of a worker on which it notes its {@link Position} at every batch, as one line of JSON from the
 * file's beginning on: the launcher reads it when the worker has died and can tell nothing more.
 */
export const POSITION_FD = 4;

/** Where a worker is; all ranks walk the same path. */
export interface Position {
  readonly stage: string;
  readonly epoch: number;
  /** Empty before the stage's first loader. */
  readonly loader: string;
  readonly batch: number;
  /** The callback that is at work between batches, and at which event. */
  readonly callback?: string;
}

export type ToWorker =
  | {
      readonly type: "probe";
      readonly device: Device;
      readonly workers: number | null;
      /** Absolute path of a recipe to describe after it, or null. */
      readonly recipe: string | null;
    }
  | { readonly type: "describe"; readonly recipe: string }
  | ({ readonly type: "init" } & WorkerInit)
  | { readonly type: "start"; readonly prepared: Prepared }
  | { readonly type: "interrupt" };

export type FromWorker =
  | { readonly type: "probed"; readonly choice: EngineChoice; readonly gpus: number }
  | { readonly type: "probe-failed"; readonly error: SerializedError }
  /** `options` is null when the recipe declares none. */
  | { readonly type: "described"; readonly options: OptionRows | null }
  | { readonly type: "describe-failed"; readonly error: SerializedError }
  | { readonly type: "prepared"; readonly prepared: Prepared }
  | { readonly type: "status"; readonly message: string; readonly level: "info" | "warn" }
  | { readonly type: "at"; readonly position: Position }
  | { readonly type: "failed"; readonly error: SerializedError; readonly position: Position | null }
  | { readonly type: "recorded"; readonly results: RunProgress }
  | { readonly type: "done"; readonly results: RunResults | null; readonly interrupted: boolean };
