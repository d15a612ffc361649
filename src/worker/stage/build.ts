// Builds a stage from the recipe's getters, and says in one line which of them returned the wrong thing.
import { type Callback, CallbackOrder } from "../../core/callback.js";
import { UsageError } from "../../core/errors.js";
import type { Loader } from "../../core/loader.js";
import { isLayersModel } from "../../core/model.js";
import type { TrainOptions } from "../../core/options/train-options.js";
import type { ProcessGroup } from "../../core/process-group.js";
import type { Recipe } from "../../core/recipe.js";
import { requireKnownOptimizer, syncScalars } from "../../engine/optimizer-state.js";
import type { StageParts } from "./stage.js";

const REQUIRED_METHODS = [
  "getStageLen",
  "getLoaders",
  "getModel",
  "getCriterion",
  "getOptimizer",
  "getCallbacks",
  "handleBatch",
] as const;

/** The stages to run: all of the recipe's, or those asked for, in the order asked. @throws UsageError */
export function chooseStages(recipe: Recipe, wanted: readonly string[] | null): readonly string[] {
  const { stages } = recipe;
  if (!Array.isArray(stages) || stages.length === 0 || stages.some((stage) => typeof stage !== "string")) {
    throw new UsageError('the recipe lacks stages: it wants stages = ["first", ...], a list of names');
  }
  for (const method of REQUIRED_METHODS) {
    if (typeof recipe[method] !== "function") throw new UsageError(`the recipe lacks the method ${method}`);
  }
  const unknown = wanted?.find((stage) => !stages.includes(stage));
  if (unknown !== undefined) {
    throw new UsageError(
      `--stages: the recipe has no stage "${unknown}"; its stages are: ${stages.join(", ")}`,
    );
  }
  return wanted ?? stages;
}

/** Calls the recipe's getters for a stage. @throws UsageError naming the getter and what it should return. */
export async function buildStage(
  recipe: Recipe,
  key: string,
  options: Pick<TrainOptions, "epochs" | "checkpointEvery">,
  { rank, worldSize }: Pick<ProcessGroup, "rank" | "worldSize">,
): Promise<StageParts> {
  const length = options.epochs ?? recipe.getStageLen(key);
  expect(
    Number.isInteger(length) && length > 0,
    "getStageLen",
    key,
    "a whole number of epochs, at least 1",
    length,
  );
  const model = await recipe.getModel(key);
  expect(
    isObject(model) && (isLayersModel(model) || isObject(model.parameters)),
    "getModel",
    key,
    "a tfjs LayersModel, or an object whose `parameters` name its variables",
    model,
  );
  recipe.model = model;
  const criterion = await recipe.getCriterion(key);
  expect(
    typeof criterion === "function",
    "getCriterion",
    key,
    "a function (outputs, targets) => loss",
    criterion,
  );
  recipe.criterion = criterion;
  const optimizer = await recipe.getOptimizer(key, model);
  expect(
    isObject(optimizer) && typeof optimizer.applyGradients === "function",
    "getOptimizer",
    key,
    "a tfjs optimizer such as tf.train.adam(1e-3)",
    optimizer,
  );
  requireKnownOptimizer(optimizer);
  syncScalars(optimizer);
  recipe.optimizer = optimizer;
  const scheduler = (await recipe.getScheduler?.(key, optimizer)) ?? null;
  expect(
    scheduler === null || (isObject(scheduler) && typeof scheduler.step === "function"),
    "getScheduler",
    key,
    "null or an object with step()",
    scheduler,
  );
  recipe.scheduler = scheduler;
  const loaders = await recipe.getLoaders(key);
  checkLoaders(key, loaders);
  const callbacks = await recipe.getCallbacks(key);
  expect(
    isObject(callbacks) && Object.values(callbacks).every((callback) => typeof callback?.order === "number"),
    "getCallbacks",
    key,
    "an object of callbacks, each with an order",
    callbacks,
  );
  const losses = Object.values(callbacks).flatMap((callback) =>
    callback.order === CallbackOrder.optimizer && "metricKey" in callback ? [String(callback.metricKey)] : [],
  );
  if (losses.length > 1)
    throw new UsageError(
      `getCallbacks("${key}") returned ${losses.length} optimizer callbacks; one stage has one optimizer`,
    );
  requireSaving(key, Object.values(callbacks), options.checkpointEvery);
  if (losses.length === 1 && !Object.keys(loaders).some((name) => name.startsWith("train"))) {
    throw new UsageError(
      `getLoaders("${key}") gave ${Object.keys(loaders).join(", ")}, none of which trains: name one "train", or leave ` +
        "the optimizer callback out",
    );
  }
  return {
    key,
    length,
    model,
    criterion,
    optimizer,
    scheduler,
    loaders: worldSize === 1 ? loaders : sharedLoaders(loaders, rank, worldSize),
    callbacks,
    lossKey: losses[0] ?? null,
  };
}

/** `--checkpoint-every` wants somebody who saves. */
function requireSaving(key: string, callbacks: readonly Callback[], every: number | null): void {
  if (every === null || callbacks.some(({ onSave }) => onSave)) return;
  throw new UsageError(
    `--checkpoint-every ${every}: stage "${key}" has no callback that saves; add a CheckpointCallback to getCallbacks`,
  );
}

function checkLoaders(key: string, loaders: unknown): asserts loaders is Record<string, Loader> {
  expect(
    isObject(loaders) && Object.keys(loaders).length > 0,
    "getLoaders",
    key,
    "an object of loaders by name",
    loaders,
  );
  for (const [name, loader] of Object.entries(loaders as Record<string, Loader>)) {
    if (!/^(train|valid|infer)/.test(name)) {
      throw new UsageError(`getLoaders("${key}"): loader "${name}" must start with train, valid or infer`);
    }
    if (!isIterable(loader) || typeof loader.length !== "number") {
      throw new UsageError(
        `getLoaders("${key}"): "${name}" is not a loader; use new DataLoader(dataset, { batchSize })`,
      );
    }
  }
}

/** What no sampler shares out is shared out here, where nothing is learned: each sample then counts once. */
function sharedLoaders(
  loaders: Readonly<Record<string, Loader>>,
  rank: number,
  worldSize: number,
): Record<string, Loader> {
  const shared = Object.entries(loaders).map(([key, loader]) => {
    const needsShare = !key.startsWith("train") && loader.sampler === undefined && loader.share !== undefined;
    return [key, needsShare ? loader.share?.(worldSize, rank) : loader] as const;
  });
  return Object.fromEntries(shared) as Record<string, Loader>;
}

function isIterable(value: unknown): boolean {
  return isObject(value) && (Symbol.iterator in value || Symbol.asyncIterator in value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function expect(holds: boolean, method: string, stage: string, wanted: string, got: unknown): void {
  if (holds) return;
  const shown = isObject(got) ? `a ${got.constructor?.name ?? "plain object"}` : String(got);
  throw new UsageError(`the recipe's ${method}("${stage}") returned ${shown}; it must return ${wanted}`);
}
