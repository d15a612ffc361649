// A run as its log folder tells it: when config.json is written or added to, what is removed before, and what
// becomes summary.json. A run that does not come to train leaves the folder as it was.
import type { TrainOptions } from "../../core/options/train-options.js";
import type { EngineChoice, Prepared } from "../../core/protocol.js";
import type { RunProgress, RunSummary } from "../../core/summary.js";
import { type Topology, worldSizeOf } from "../../core/topology.js";
import { newConfig, resumedConfig } from "./config-file.js";
import { beginAnew, beginRun, writeConfig, writeSummary } from "./logdir.js";
import { removeRankLogs } from "./remove-run.js";
import { type EarlierRun, refuseChange } from "./resume.js";

export interface RecordSetup {
  readonly options: TrainOptions;
  readonly topology: Topology;
  readonly engine: EngineChoice;
  /** The run that is resumed, or null for a new one. */
  readonly earlier: EarlierRun | null;
  /** When this process started: the time, and `performance.now()` in milliseconds. */
  readonly started: { readonly time: Date; readonly at: number };
}

/** How the run came out, for its summary. */
export type Verdict = Pick<RunSummary, "status" | "error" | "weights_sha256">;

export class RunRecord {
  readonly #setup: RecordSetup;
  #prepared: Prepared | null = null;
  #progress: RunProgress | null = null;
  #begun = false;
  #finished = false;

  constructor(setup: RecordSetup) {
    this.#setup = setup;
    // Workers log from their first moment, and would go on in an earlier run's.
    if (setup.options.overwrite) removeRankLogs(setup.options.logdir);
  }

  /** Whether the folder is this run's: a new one's once its data is known, a resumed one's once it trains. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether the folder has this run's summary. */
  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Data and stages are known, and the run is about to start from the checkpoint `resume` or from the beginning.
   * @throws UsageError when they are not what the run was trained on so far.
   */
  onPrepared(found: Prepared, resume: string | null): void {
    const { options, topology, engine, earlier, started } = this.#setup;
    const before = earlier?.config ?? this.#prepared;
    if (before !== null) refuseChange(before, found, options.allowChangedData);
    this.#prepared = found;
    if (earlier !== null) {
      if (resume === null) beginAnew(options.logdir, earlier.config.content);
    } else if (resume === null) {
      const begin = this.#begun ? beginAnew : beginRun;
      begin(options.logdir, newConfig(options, topology, engine, found, started.time));
      this.#begun = true;
    }
  }

  /** The workers have loaded what they start from. */
  onTraining(resume: string | null): void {
    const { options, topology, engine, earlier, started } = this.#setup;
    if (this.#begun || earlier === null) return;
    const entry = {
      from: resume,
      worldSize: worldSizeOf(topology),
      engine: engine.engine,
      time: started.time,
    };
    writeConfig(options.logdir, resumedConfig(earlier.config, entry));
    this.#begun = true;
  }

  onRecorded({ stages, best, last }: RunProgress): void {
    this.#progress = { stages, best, last };
  }

  /** Writes summary.json, and returns it. Of a run that was not completed it has the epochs that were. */
  finish(verdict: Verdict, restarts: number): RunSummary {
    const { options, topology, engine, earlier, started } = this.#setup;
    const summary: RunSummary = {
      status: verdict.status,
      ...(verdict.error === undefined ? {} : { error: verdict.error }),
      recipe: this.#prepared?.recipe ?? "",
      dataset: datasetOf(this.#prepared),
      engine: engine.engine,
      world_size: worldSizeOf(topology),
      restarts: (earlier?.restarts ?? 0) + restarts,
      wall_seconds: (earlier?.wallSeconds ?? 0) + (performance.now() - started.at) / 1000,
      ...(this.#progress ?? earlier?.progress ?? { stages: [], best: null, last: null }),
      weights_sha256: verdict.weights_sha256,
    };
    writeSummary(options.logdir, summary);
    this.#finished = true;
    return summary;
  }
}

/** The data's name, which a recipe's prepareData tells as `dataset`; the recipe's own name where it does not. */
function datasetOf(prepared: Prepared | null): string {
  const data = prepared?.data;
  if (typeof data === "object" && data !== null && "dataset" in data && typeof data.dataset === "string") {
    return data.dataset;
  }
  return prepared?.recipe ?? "";
}
