// The one record of a run's results: the finished epochs, and the loaders of the current one with their metrics. What
// callbacks see as metrics of the loader and of the epoch, and what becomes the summary, are views of it.
import type { EpochSummary, LoaderSummary, StageSummary } from "../../core/summary.js";

/** How a loader's pass went, beside its metrics. */
export type LoaderFigures = Omit<LoaderSummary, "metrics">;

interface LoaderRecord {
  readonly metrics: Record<string, number>;
  /** Null until the pass is over. */
  figures: LoaderFigures | null;
}

export class Results {
  #history: readonly StageSummary[] = [];
  #loaders = new Map<string, LoaderRecord>();

  /** Finished epochs by stage. */
  get history(): readonly StageSummary[] {
    return this.#history;
  }

  /** The loaders of the current epoch that are over. */
  get finishedLoaders(): Record<string, LoaderSummary> {
    const finished: Record<string, LoaderSummary> = {};
    for (const [key, { metrics, figures }] of this.#loaders) {
      if (figures !== null) finished[key] = { ...figures, metrics };
    }
    return finished;
  }

  /** Metrics by loader, of all loaders that have begun. */
  get epochMetrics(): Record<string, Record<string, number>> {
    return Object.fromEntries([...this.#loaders].map(([key, { metrics }]) => [key, metrics]));
  }

  /** Takes over the finished epochs of the run that is resumed. */
  restore(history: readonly StageSummary[]): void {
    this.#history = history;
  }

  /** Begins an epoch, of which these loaders are over already. */
  startEpoch(finished: Readonly<Record<string, LoaderSummary>> = {}): void {
    const records = Object.entries(finished).map(([key, { metrics, ...figures }]) => {
      return [key, { metrics: { ...metrics }, figures }] as const;
    });
    this.#loaders = new Map(records);
  }

  /** Begins a loader's pass; its metrics are filled in at its end. */
  startLoader(key: string): Record<string, number> {
    const metrics: Record<string, number> = {};
    this.#loaders.set(key, { metrics, figures: null });
    return metrics;
  }

  endLoader(key: string, figures: LoaderFigures): void {
    const record = this.#loaders.get(key);
    if (record) record.figures = figures;
  }

  /** Adds the current epoch to the history; a stage's first one begins its entry. */
  endEpoch(stage: string, epoch: number, seconds: number): void {
    const summary: EpochSummary = { epoch, seconds, ...this.finishedLoaders };
    const last = this.#history.at(-1);
    const isSameStage = last?.stage === stage && epoch > 1;
    const epochs = isSameStage ? [...last.epochs, summary] : [summary];
    this.#history = [...(isSameStage ? this.#history.slice(0, -1) : this.#history), { stage, epochs }];
  }
}
