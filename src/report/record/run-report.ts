// What a report knows of a run, whatever of its files there is. Null is what the files do not tell; a metric that was
// measured and is no number is NaN or infinite.

export interface RunReport {
  /** The log folder's own name. */
  readonly name: string;
  /** Absolute path of the log folder. */
  readonly logdir: string;
  /** `unfinished`: there is no summary.json, since the run goes on or its launcher was killed. */
  readonly status: "completed" | "failed" | "interrupted" | "unfinished";
  readonly error: string | null;
  readonly recipe: string | null;
  readonly dataset: string | null;
  readonly engine: string | null;
  readonly worldSize: number | null;
  readonly wallSeconds: number | null;
  readonly restarts: number | null;
  readonly weightsSha256: string | null;
  readonly best: BestEpoch | null;
  /** Path of the newest checkpoint, relative to the log folder. */
  readonly last: string | null;
  /** Every epoch in the order in which they ran. */
  readonly epochs: readonly RunEpoch[];
  /** Keys of all loaders: those that train first, then those that validate. */
  readonly loaders: readonly string[];
  readonly setup: RunSetup | null;
  /** What the reader of the report should know of the files, in whole sentences. */
  readonly notes: readonly string[];
}

export interface RunEpoch {
  /** 1-based, over the whole run. */
  readonly step: number;
  /** Null when only a table of metrics tells of the epoch. */
  readonly stage: string | null;
  /** 1-based, within the stage. */
  readonly epoch: number | null;
  readonly seconds: number | null;
  /** By loader key. */
  readonly loaders: ReadonlyMap<string, LoaderPass>;
}

/** One pass of a loader. */
export interface LoaderPass {
  readonly seconds: number | null;
  readonly samples: number | null;
  readonly samplesPerSecond: number | null;
  readonly batchesLeftOut: number | null;
  readonly metrics: ReadonlyMap<string, number>;
}

export interface BestEpoch {
  readonly stage: string;
  readonly epoch: number;
  /** Its {@link RunEpoch.step}; null when that epoch is not among those known. */
  readonly step: number | null;
  readonly metric: string;
  /** The loader that was watched. */
  readonly loader: string | null;
  readonly score: number | null;
  /** Of its checkpoint, relative to the log folder. */
  readonly path: string | null;
}

/** From config.json: how the run was started. */
export interface RunSetup {
  readonly started: string | null;
  readonly versions: ReadonlyMap<string, string>;
  readonly stages: readonly string[];
  readonly engineDescription: string | null;
  /** Better engines that were not taken, and why. */
  readonly skipped: readonly { readonly engine: string; readonly reason: string }[];
  /** Every option, by its name on disk: `batch_size`. */
  readonly options: ReadonlyMap<string, unknown>;
  /** Each time that the run was resumed. */
  readonly resumed: readonly Resumption[];
}

export interface Resumption {
  readonly time: string | null;
  /** Path of the checkpoint; null for the beginning. */
  readonly from: string | null;
  readonly worldSize: number | null;
  readonly engine: string | null;
}

/** Epochs of one stage, in a row. */
export interface StageSpan {
  readonly stage: string | null;
  /** Steps of its first and its last epoch. */
  readonly from: number;
  readonly to: number;
}

/** The stages of a run, in order. */
export function stageSpans(epochs: readonly RunEpoch[]): StageSpan[] {
  const spans: { stage: string | null; from: number; to: number }[] = [];
  for (const { stage, step, epoch } of epochs) {
    const last = spans.at(-1);
    if (last !== undefined && last.stage === stage && epoch !== 1) last.to = step;
    else spans.push({ stage, from: step, to: step });
  }
  return spans;
}

/** Whether a loader's key says that it trains. */
export function isTraining(loader: string): boolean {
  return loader.startsWith("train");
}

/** The loader that tells how good the model is: the watched one, else the first that validates, else the last. */
export function judgingLoader({ best, loaders }: RunReport): string | null {
  if (best?.loader != null && loaders.includes(best.loader)) return best.loader;
  return loaders.find((key) => !isTraining(key)) ?? loaders.at(-1) ?? null;
}

/** The epoch whose numbers stand for the run: the best, else the last one. */
export function shownEpoch({ best, epochs }: RunReport): RunEpoch | null {
  return epochs.find(({ step }) => step === best?.step) ?? epochs.at(-1) ?? null;
}

/** Train batches that were left out, since a loss or the gradient was no number; null when that is not known. */
export function batchesLeftOut({ epochs }: RunReport): number | null {
  const counts = epochs.flatMap(({ loaders }) => [...loaders.values()].map((pass) => pass.batchesLeftOut));
  const known = counts.filter((count) => count !== null);
  return known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0);
}

/** Samples a second over all passes of the loaders that train; null when that is not known. */
export function trainingSpeed({ epochs }: RunReport): number | null {
  let [samples, seconds] = [0, 0];
  for (const { loaders } of epochs) {
    for (const [key, pass] of loaders) {
      if (!isTraining(key) || pass.samples === null || pass.seconds === null) continue;
      samples += pass.samples;
      seconds += pass.seconds;
    }
  }
  return seconds > 0 ? samples / seconds : null;
}
