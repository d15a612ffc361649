// A run on small data that a fault befalls, and what it must have left in the end whatever befell it.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunSummary } from "../../src/core/summary.js";
import { readRecords } from "../../src/loggers/tfevents.js";
import { readSummary, root } from "./cli.js";
import { type Fault, hasHappened } from "./fault.js";
import { RunProcess } from "./run-process.js";

/** The built-in recipe, which commits the planted fault. */
export const FAULTY_RECIPE = join(root, "test/fixtures/faulty-recipe.ts");

export interface TrialSetup {
  /** A folder of its own, which need not exist. */
  readonly folder: string;
  /** Of the data, see `writeBars`. */
  readonly data: string;
  readonly workers: number;
  readonly args?: readonly string[];
}

export type PlantedFault = Omit<Fault, "marker">;

export class Trial {
  readonly logdir: string;
  readonly #setup: TrialSetup;
  #faults = 0;

  constructor(setup: TrialSetup) {
    this.#setup = setup;
    this.logdir = join(setup.folder, "run");
  }

  /** Starts the run, with a fault to come. */
  start(fault: PlantedFault | null = null, env?: NodeJS.ProcessEnv): RunProcess {
    const { data, workers, args = [] } = this.#setup;
    const place = ["--dataset", "mnist", "--data-dir", data, "--logdir", this.logdir];
    const shape = ["--workers", String(workers), "--batch-size", "8", "--epochs", "2"];
    return this.#run([...place, ...shape, ...args], fault, env);
  }

  /** Goes on with it, with another fault to come. */
  resume(fault: PlantedFault | null = null, ...args: readonly string[]): RunProcess {
    return this.#run(["--resume", this.logdir, ...args], fault);
  }

  #run(args: readonly string[], fault: PlantedFault | null, env: NodeJS.ProcessEnv = {}): RunProcess {
    if (fault !== null) this.#faults++;
    const planted = JSON.stringify(fault && { ...fault, marker: this.#marker });
    const temporary = join(this.#setup.folder, "tmp");
    const all = ["--recipe", FAULTY_RECIPE, "--no-progress", ...args];
    return new RunProcess(all, temporary, { ...env, DDP_FAULT: planted });
  }

  /** When the last planted fault happened, in milliseconds since 1970; false when it has not. */
  get happened(): number | false {
    return hasHappened(this.#marker);
  }

  get #marker(): string {
    return join(this.#setup.folder, `fault-${this.#faults}`);
  }

  /** Whether there is something to resume. */
  get hasBegun(): boolean {
    return existsSync(join(this.logdir, "config.json"));
  }

  /** Whether it has come to an end by itself, good or bad. */
  get hasEnded(): boolean {
    return existsSync(join(this.logdir, "summary.json"));
  }

  /** The processes that are ranks now, by rank; none before they have started. */
  workers(): number[] {
    try {
      const lock = JSON.parse(readFileSync(join(this.logdir, "lock"), "utf8")) as {
        readonly workers: readonly { readonly pid: number }[];
      };
      return lock.workers.map(({ pid }) => pid);
    } catch {
      return [];
    }
  }

  get summary(): RunSummary {
    return readSummary(this.logdir);
  }

  /** The process that was `rank` last, as its log tells. */
  pidOf(rank: number): number {
    return this.log(rank).at(-1)!.pid as number;
  }

  /** The lines of a rank's log. */
  log(rank: number): Record<string, unknown>[] {
    const lines = readFileSync(join(this.logdir, `logs/rank-${rank}.log`), "utf8")
      .trim()
      .split("\n");
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** All that does not depend on the clock: equal for all runs of one world size. */
  results(): Results {
    const { status, weights_sha256, best } = this.summary;
    const read = (name: string) => readFileSync(join(this.logdir, name), "utf8");
    return {
      status,
      weights_sha256,
      best: best && `${best.stage}.${best.epoch} ${best.score}`,
      train: read("train.csv"),
      valid: read("valid.csv"),
      events: ["train", "valid"].flatMap((loader) => this.#events(loader)).sort(),
      checkpoints: readdirSync(join(this.logdir, "checkpoints")).sort(),
    };
  }

  /** Each record of the charts' files, as often as it is there: its place, and a hash of its tags and numbers. */
  #events(loader: string): string[] {
    const folder = join(this.logdir, loader);
    return readdirSync(folder)
      .flatMap((file) => readRecords(readFileSync(join(folder, file))))
      .flatMap(({ tag, step, record }) => {
        const content = createHash("sha256").update(record.subarray(CONTENT_AT, -4)).digest("hex");
        return tag === null ? [] : [`${loader} ${tag} ${step} ${content.slice(0, 8)}`];
      });
  }
}

/** After the record's length and that length's checksum, 12 bytes, an event begins with 9 bytes of time. */
const CONTENT_AT = 21;

export interface Results {
  readonly status: string;
  readonly weights_sha256: string | null;
  readonly best: string | null;
  readonly train: string;
  readonly valid: string;
  readonly events: readonly string[];
  readonly checkpoints: readonly string[];
}
