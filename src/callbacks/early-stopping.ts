// Ends a stage whose watched metric no longer gets better.
import { type Callback, CallbackOrder } from "../core/callback.js";
import type { RunContext } from "../core/context.js";
import type { Json } from "../core/state.js";
import { requireMetric } from "./epoch-metric.js";

export interface EarlyStoppingOptions {
  readonly loaderKey: string;
  readonly metricKey: string;
  readonly minimize: boolean;
  /** Epochs without improvement after which the stage ends. */
  readonly patience: number;
  readonly minDelta?: number;
}

/** Decides from metrics that are equal on all ranks, so every rank stops at the same epoch. */
export class EarlyStoppingCallback implements Callback {
  readonly order = CallbackOrder.external;
  readonly #options: EarlyStoppingOptions;
  #best = Number.NaN;
  #waited = 0;

  constructor(options: EarlyStoppingOptions) {
    this.#options = options;
  }

  onStageStart(): void {
    this.#best = Number.NaN;
    this.#waited = 0;
  }

  stateDict(): Json {
    return { best: Number.isNaN(this.#best) ? null : this.#best, waited: this.#waited };
  }

  loadStateDict(state: Json): void {
    const { best, waited } = state as { readonly best: number | null; readonly waited: number };
    this.#best = best ?? Number.NaN;
    this.#waited = waited;
  }

  onEpochEnd(context: RunContext): void {
    const { loaderKey, metricKey, minimize, patience, minDelta = 1e-6 } = this.#options;
    const score = requireMetric(context, loaderKey, metricKey, "EarlyStoppingCallback");
    const gain = minimize ? this.#best - score : score - this.#best;
    const first = Number.isNaN(this.#best) && !Number.isNaN(score);
    if (first || gain > minDelta) {
      this.#best = score;
      this.#waited = 0;
    } else if (++this.#waited >= patience) {
      context.notify(
        `stage ${context.stageKey} ends after epoch ${context.counters.stageEpochStep}: ${metricKey} of ${loaderKey} ` +
          `has not improved for ${patience} epoch${patience === 1 ? "" : "s"} (best ${this.#best.toPrecision(4)})`,
      );
      context.stopStage();
    }
  }
}
