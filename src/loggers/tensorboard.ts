// TensorBoard: one folder per loader, so that train and valid share a chart. Tags are `{metric}/epoch` over global
// epochs and `{metric}/batch` over global samples.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "../core/atomic-file.js";
import { UsageError } from "../core/errors.js";
import type { LogScope, MetricsLogger } from "../core/metrics-logger.js";
import { EVENTS_PREFIX } from "../core/run-files.js";
import type { Counters } from "../core/state.js";
import { encodeRecord, FILE_VERSION, readRecords, type TfEvent } from "./tfevents.js";

export interface TensorboardOptions {
  readonly logdir: string;
  /**
   * Log every n-th batch of a loader, 0 for none. Default 10: an epoch of MNIST on two workers (938 batches of train,
   * 8 metrics) then takes about 25 KB instead of 250.
   */
  readonly logBatches?: number;
}

/** Writes `<logdir>/<loader key>/events.out.tfevents...`, on disk by each epoch's end. */
export class TensorboardLogger implements MetricsLogger {
  readonly #logdir: string;
  readonly #logBatches: number;
  readonly #files = new Map<string, EventFile>();

  /** @throws UsageError when `logBatches` is not a whole number. */
  constructor({ logdir, logBatches = 10 }: TensorboardOptions) {
    if (!Number.isSafeInteger(logBatches) || logBatches < 0) {
      throw new UsageError(
        `TensorboardLogger: logBatches must be a whole number, 0 or more, got ${logBatches}`,
      );
    }
    this.#logdir = logdir;
    this.#logBatches = logBatches;
  }

  logBatch(
    loaderKey: string,
    metrics: Readonly<Record<string, number>>,
    { counters, batch }: LogScope,
  ): void {
    if (this.#logBatches > 0 && batch % this.#logBatches === 0)
      this.#log(loaderKey, "batch", counters.globalSampleStep, metrics);
  }

  /** Drops the events of earlier files that lie after these counters: the run logs them again. */
  rewind({ globalEpochStep, globalSampleStep }: Readonly<Counters>): void {
    for (const path of eventFiles(this.#logdir)) {
      const records = readRecords(readFileSync(path));
      const kept = records.filter(({ step, tag }) =>
        tag?.endsWith("/batch") ? step <= globalSampleStep : step <= globalEpochStep,
      );
      writeFileAtomic(path, ...kept.map(({ record }) => record));
    }
  }

  logLoader(loaderKey: string, metrics: Readonly<Record<string, number>>, { counters }: LogScope): void {
    this.#log(loaderKey, "epoch", counters.globalEpochStep, metrics);
  }

  flush(): void {
    for (const file of this.#files.values()) file.flush();
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #log(loaderKey: string, scope: string, step: number, metrics: Readonly<Record<string, number>>): void {
    const numbers = Object.entries(metrics).filter(([, value]) => typeof value === "number");
    if (numbers.length === 0) return;
    let file = this.#files.get(loaderKey);
    if (!file) {
      file = new EventFile(join(this.#logdir, loaderKey));
      this.#files.set(loaderKey, file);
    }
    const scalars = Object.fromEntries(numbers.map(([name, value]) => [`${name}/${scope}`, value]));
    file.add({ wallTime: Date.now() / 1000, step, scalars });
  }
}

/** The event files in the folders of the log folder. */
function eventFiles(logdir: string): string[] {
  if (!existsSync(logdir)) return [];
  const folders = readdirSync(logdir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.flatMap(({ name }) =>
    readdirSync(join(logdir, name))
      .filter((file) => file.startsWith(EVENTS_PREFIX))
      .map((file) => join(logdir, name, file)),
  );
}

/** Bytes of events to gather before writing them out of turn. */
const BUFFER_BYTES = 64 * 1024;

class EventFile {
  readonly #file: number;
  #records: Uint8Array[] = [];
  #bytes = 0;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    const seconds = Math.floor(Date.now() / 1000);
    const name = `${EVENTS_PREFIX}${seconds}.${hostname()}.${process.pid}`;
    this.#file = openSync(join(folder, name), "a");
    this.add({ wallTime: seconds, fileVersion: FILE_VERSION });
  }

  add(event: TfEvent): void {
    const record = encodeRecord(event);
    this.#records.push(record);
    this.#bytes += record.length;
    if (this.#bytes >= BUFFER_BYTES) this.#write();
  }

  flush(): void {
    this.#write();
    fsyncSync(this.#file);
  }

  close(): void {
    this.#write();
    closeSync(this.#file);
  }

  #write(): void {
    const bytes = Buffer.concat(this.#records);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    this.#records = [];
    this.#bytes = 0;
  }
}
