// The public API: everything a recipe of your own may import.
export * from "./core/callback.js";
export type * from "./core/context.js";
export { RunError, UsageError } from "./core/errors.js";
export type * from "./core/loader.js";
export type * from "./core/logger.js";
export {
  type Model,
  type Module,
  namedParameters,
  type Parameter,
  setRequiresGrad,
} from "./core/parameters.js";
export { getRank, type ProcessGroup } from "./core/process-group.js";
export { type Criterion, Recipe, type RecipeClass, type RecipeConfig } from "./core/recipe.js";
export type { Scheduler } from "./core/scheduler.js";
export type * from "./core/state.js";
export type { RunSummary } from "./core/summary.js";
