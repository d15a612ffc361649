// Moves the recipe's learning-rate scheduler on.
import { type Callback, CallbackOrder } from "../core/callback.js";
import type { RunContext } from "../core/context.js";
import { UsageError } from "../core/errors.js";
import { requireMetric } from "./epoch-metric.js";

export interface SchedulerOptions {
  /** Step after every train batch instead of after every epoch. */
  readonly mode?: "epoch" | "batch";
  /** The metric given to the scheduler after an epoch, for those that watch one. */
  readonly loaderKey?: string;
  readonly metricKey?: string;
}

/** Calls `scheduler.step()` once an epoch (with a metric, if named) or once a train batch. */
export class SchedulerCallback implements Callback {
  readonly order = CallbackOrder.scheduler;
  readonly #options: SchedulerOptions;

  constructor(options: SchedulerOptions = {}) {
    this.#options = options;
  }

  onStageStart(context: RunContext): void {
    if (context.scheduler) return;
    throw new UsageError(`SchedulerCallback: getScheduler("${context.stageKey}") returned no scheduler`);
  }

  onBatchEnd(context: RunContext): void {
    if (this.#options.mode === "batch" && context.isTrainLoader) context.scheduler?.step();
  }

  onEpochEnd(context: RunContext): void {
    if (this.#options.mode === "batch") return;
    const { loaderKey, metricKey } = this.#options;
    const metric =
      loaderKey && metricKey ? requireMetric(context, loaderKey, metricKey, "SchedulerCallback") : undefined;
    context.scheduler?.step(metric);
  }
}
