// Averages a train batch's gradients over all ranks and lets the optimizer take a step.
import { type Callback, CallbackOrder } from "../core/callback.js";
import type { FlatGradients, RunContext } from "../core/context.js";
import { UsageError } from "../core/errors.js";
import type { Json } from "../core/state.js";

export interface OptimizerOptions {
  /** The loss to differentiate, as the criterion callback names it. */
  readonly metricKey: string;
  /** Take one step for this many batches, with the mean of their gradients. Default 1. */
  readonly accumulationSteps?: number;
  /** Scale the reduced gradient down to at most this L2 norm over all weights. Default: no limit. */
  readonly clipNorm?: number;
}

/**
 * The step of distributed data parallel: mean of the ranks' gradients, then the optimizer. Clipping works on the
 * reduced gradient, so its norm has the same bits on every rank. Accumulated batches cost one reduction, and a step
 * takes the mean of what was accumulated, also at a loader's end, where that may be fewer batches.
 */
export class OptimizerCallback implements Callback {
  readonly order = CallbackOrder.optimizer;
  /** Which loss the runner differentiates. */
  readonly metricKey: string;
  readonly #every: number;
  readonly #clipNorm: number;
  #sum: FlatGradients | null = null;
  #pending = 0;
  /** What the last step used. */
  #settings: Record<string, number> = {};

  constructor(options: OptimizerOptions) {
    this.metricKey = options.metricKey;
    this.#every = options.accumulationSteps ?? 1;
    this.#clipNorm = options.clipNorm ?? Number.POSITIVE_INFINITY;
    if (!Number.isInteger(this.#every) || this.#every < 1) {
      throw new UsageError(`OptimizerCallback: accumulationSteps wants a whole number, got ${this.#every}`);
    }
    if (!(this.#clipNorm > 0)) {
      throw new UsageError(`OptimizerCallback: clipNorm wants a number above 0, got ${this.#clipNorm}`);
    }
  }

  async onBatchEnd(context: RunContext): Promise<void> {
    if (this.#every === 1) {
      await this.#step(context);
      return;
    }
    const gradients = await context.gradients();
    if (!gradients) return;
    this.#accumulate(gradients);
    // Every rank has the same number of train batches, so all of them step or none does.
    const isLast = context.batchIndex + 1 === context.loader.length;
    if (this.#pending === this.#every || isLast) await this.#flush(context);
  }

  onLoaderEnd(context: RunContext): void {
    if (context.isTrainLoader) Object.assign(context.loaderMetrics, this.#settings);
  }

  stateDict(): Json {
    return this.#settings;
  }

  loadStateDict(settings: Json): void {
    this.#settings = { ...(settings as Record<string, number>) };
  }

  #accumulate({ flat, parameters }: FlatGradients): void {
    if (this.#sum?.parameters !== parameters) {
      if (this.#pending > 0) {
        throw new UsageError(
          "weights were frozen or unfrozen within accumulated batches: do it between steps",
        );
      }
      this.#sum = { parameters, flat: new Float32Array(flat.length) };
    }
    const sum = this.#sum.flat;
    for (let i = 0; i < flat.length; i++) sum[i] += flat[i];
    this.#pending++;
  }

  async #flush(context: RunContext): Promise<void> {
    const sum = this.#sum as FlatGradients;
    for (let i = 0; i < sum.flat.length; i++) sum.flat[i] /= this.#pending;
    await this.#step(context, sum);
    sum.flat.fill(0);
    this.#pending = 0;
  }

  async #step(context: RunContext, accumulated?: FlatGradients): Promise<void> {
    const gradients = await context.reduceGradients(accumulated);
    if (!context.isTrainLoader) return;
    this.#settings = optimizerSettings(context);
    if (!gradients) return;
    if (this.#clipNorm !== Number.POSITIVE_INFINITY) clip(gradients.flat, this.#clipNorm);
    context.applyGradients(gradients);
  }
}

/** Scales `values` so that their L2 norm is at most `limit` (torch's clip_grad_norm_, with its 1e-6). */
function clip(values: Float32Array, limit: number): void {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  const scale = limit / (Math.sqrt(squares) + 1e-6);
  if (scale >= 1) return;
  for (let i = 0; i < values.length; i++) values[i] *= scale;
}

/** Learning rate and momentum as metrics; tfjs keeps both as protected fields. */
function optimizerSettings(context: RunContext): Record<string, number> {
  const settings = context.optimizer as unknown as { learningRate?: number; momentum?: number };
  const metrics: Record<string, number> = {};
  if (typeof settings.learningRate === "number") metrics.lr = settings.learningRate;
  if (typeof settings.momentum === "number") metrics.momentum = settings.momentum;
  return metrics;
}
