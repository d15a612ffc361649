// Before a stage's first batch all ranks compare what they are about to do: a rank with one batch more than the
// others would wait for ever in a collective, and a rank with another model would add up unrelated numbers.
import { createHash } from "node:crypto";
import { RunError, UsageError } from "../../core/errors.js";
import { gatherJson, type ProcessGroup } from "../../core/process-group.js";
import { requireShared, type Share, shareOf } from "./sharing.js";
import type { Stage } from "./stage.js";

/** What each rank will see of each loader: samples by rank, and the most batches that any rank has. */
export type LoaderPlans = Readonly<
  Record<string, { readonly samples: readonly number[]; readonly batches: number }>
>;

interface RankPlan {
  readonly model: string;
  readonly epochs: number;
  readonly loaders: readonly {
    readonly key: string;
    readonly batches: number;
    readonly samples: number;
    readonly share: Share | null;
  }[];
}

/**
 * Gathers every rank's plan for the stage.
 * @throws UsageError for a loader without a batch on any rank, or train loaders of unequal length or of the same data.
 * @throws RunError when ranks built different models, loaders or stage lengths.
 */
export async function agreeOnStage(group: ProcessGroup, stage: Stage): Promise<LoaderPlans> {
  const plans = await gatherJson<RankPlan>(group, {
    model: modelSignature(stage),
    epochs: stage.length,
    loaders: Object.entries(stage.loaders).map(([key, loader]) => ({
      key,
      batches: loader.length,
      samples: loader.samples,
      share: isTrain(key) && group.worldSize > 1 ? shareOf(loader) : null,
    })),
  });
  const outline = (plan: RankPlan) =>
    JSON.stringify([plan.model, plan.epochs, plan.loaders.map(({ key }) => key)]);
  const different = plans.findIndex((plan) => outline(plan) !== outline(plans[0]));
  if (different > 0) {
    throw new RunError(
      `rank ${different} built another stage "${stage.key}" than rank 0: the recipe must give the same model, ` +
        "loaders and number of epochs on every rank",
    );
  }
  return Object.fromEntries(
    plans[0].loaders.map(({ key }, i) => {
      const batches = plans.map((plan) => plan.loaders[i].batches);
      const samples = plans.map((plan) => plan.loaders[i].samples);
      const most = Math.max(...batches);
      if (most === 0) {
        throw new UsageError(
          `loader "${key}" of stage "${stage.key}" is empty: it has no batch on any of ${group.worldSize} rank(s); ` +
            "give it more samples, or a smaller --batch-size where it drops the last batch",
        );
      }
      const shares = plans.flatMap((plan) => plan.loaders[i].share ?? []);
      if (shares.length === plans.length) requireShared(`"${key}" of stage "${stage.key}"`, shares);
      if (isTrain(key) && batches.some((count) => count !== most)) {
        throw new UsageError(
          `loader "${key}" of stage "${stage.key}" has ${batches.join(", ")} batches on ranks 0 to ` +
            `${group.worldSize - 1}: ranks must train in step, use a DistributedSampler`,
        );
      }
      return [key, { samples, batches: most }];
    }),
  );
}

function isTrain(key: string): boolean {
  return key.startsWith("train");
}

function modelSignature({ parameters }: Stage): string {
  const lines = parameters.map(({ name, variable, trainable }) => `${name}[${variable.shape}]${trainable}`);
  return createHash("sha256").update(lines.join()).digest("hex");
}
