// A run on small data that a fault befalls, and what it must have left in the end whatever befell it.
import { readdirSync, readFileSync } from "node:fs";
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
  readonly #marker: string;

  constructor(setup: TrialSetup) {
    this.#setup = setup;
    this.logdir = join(setup.folder, "run");
    this.#marker = join(setup.folder, "happened");
  }

  /** Starts the run, with a fault to come. */
  start(fault: PlantedFault | null = null, env: NodeJS.ProcessEnv = {}): RunProcess {
    const { data, workers, args = [] } = this.#setup;
    const place = ["--dataset", "mnist", "--data-dir", data, "--logdir", this.logdir];
    const shape = ["--workers", String(workers), "--batch-size", "8", "--epochs", "2"];
    const planted = JSON.stringify(fault && { ...fault, marker: this.#marker });
    return this.#run([...place, ...shape, ...args], { ...env, DDP_FAULT: planted });
  }

  /** Goes on with it. */
  resume(...args: readonly string[]): RunProcess {
    return this.#run(["--resume", this.logdir, ...args], { DDP_FAULT: "null" });
  }

  #run(args: readonly string[], env: NodeJS.ProcessEnv): RunProcess {
    const temporary = join(this.#setup.folder, "tmp");
    return new RunProcess(["--recipe", FAULTY_RECIPE, "--no-progress", ...args], temporary, env);
  }

  /** When the planted fault happened, in milliseconds since 1970; false when it has not. */
  get happened(): number | false {
    return hasHappened(this.#marker);
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

  /** Each point of the charts, as often as it is there. */
  #events(loader: string): string[] {
    const folder = join(this.logdir, loader);
    return readdirSync(folder)
      .flatMap((file) => readRecords(readFileSync(join(folder, file))))
      .flatMap(({ tag, step }) => (tag === null ? [] : [`${loader} ${tag} ${step}`]));
  }
}

export interface Results {
  readonly status: string;
  readonly weights_sha256: string | null;
  readonly best: string | null;
  readonly train: string;
  readonly valid: string;
  readonly events: readonly string[];
  readonly checkpoints: readonly string[];
}
