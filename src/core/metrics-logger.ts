// The contract of a metrics logger (console, CSV, TensorBoard, your own). Only rank 0 has loggers.
import type { Counters } from "./state.js";

/** Where in the run the metrics were taken. */
export interface LogScope {
  readonly stage: string;
  /** 1-based epoch within the stage, and the stage's number of epochs. */
  readonly epoch: number;
  readonly epochs: number;
  /** 0-based batch within the loader's pass. */
  readonly batch: number;
  readonly counters: Readonly<Counters>;
}

/** Receives metrics as they are made. Methods that a logger lacks are skipped. */
export interface MetricsLogger {
  /** After a batch of `loaderKey`: this rank's batch metrics (`loss`, `lr`, ...). */
  logBatch?(loaderKey: string, metrics: Readonly<Record<string, number>>, scope: LogScope): void;
  /** After a loader's pass: metrics exact over all ranks. */
  logLoader?(loaderKey: string, metrics: Readonly<Record<string, number>>, scope: LogScope): void;
  /** After an epoch, all loaders done. */
  logEpoch?(scope: LogScope): void;
  /** Makes everything logged so far durable; called after each epoch. */
  flush?(): void | Promise<void>;
  /**
   * Forgets what was logged after these counters: a resumed run goes on from them, and will log it again. Called
   * before anything is logged.
   */
  rewind?(counters: Readonly<Counters>): void;
  close?(): void | Promise<void>;
}
