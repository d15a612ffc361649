// The built-in recipe, cut to the first batches of each stage, noting the mean loss over the ranks at every step.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Batch, type Callback, CallbackOrder, type Loader } from "ddp-train";
import { MnistRecipe } from "../../dist/recipes/mnist.js";

/** Losses by stage, as the recipe leaves them in the log folder. */
export type StepLosses = Record<string, number[]>;
export const LOSSES_FILE = "losses.json";

/** A loader's first `count` batches. */
function head(loader: Loader, count: number): Loader {
  return {
    length: Math.min(count, loader.length),
    samples: Math.min(count * loader.batchSize, loader.samples),
    batchSize: loader.batchSize,
    sampler: loader.sampler,
    *[Symbol.iterator]() {
      let left = count;
      for (const batch of loader as Iterable<Batch>) {
        if (left-- === 0) return;
        yield batch;
      }
    },
  };
}

export default class ParityRecipe extends MnistRecipe {
  readonly #losses: StepLosses = {};

  override getLoaders() {
    const { train, valid } = super.getLoaders();
    return { train: head(train, Number(process.env.DDP_PARITY_STEPS)), valid };
  }

  override getCallbacks(): Record<string, Callback> {
    const losses = this.#losses;
    const file = join(this.config.logdir, LOSSES_FILE);
    const record: Callback = {
      order: CallbackOrder.extra,
      async onBatchEnd({ group, isTrainLoader, stageKey, batchMetrics }) {
        if (!isTrainLoader) return;
        const mean = Float32Array.of(batchMetrics.loss);
        await group.allReduce(mean, "mean");
        losses[stageKey] ??= [];
        losses[stageKey].push(mean[0]);
      },
      onStageEnd({ group }) {
        if (group.rank === 0) writeFileSync(file, JSON.stringify(losses));
      },
    };
    return { ...super.getCallbacks(), record };
  }
}
