// The public API: everything that a recipe of your own may import. What starts runs is in launch.ts.
export {
  AucCallback,
  BinaryAccuracyCallback,
  MultilabelAccuracyCallback,
} from "./callbacks/binary-metric.js";
export { CheckpointCallback, type CheckpointOptions, type LoadSource } from "./callbacks/checkpoint.js";
export {
  AccuracyCallback,
  type ClassMetric,
  ClassMetricCallback,
  ConfusionMatrixCallback,
  PrecisionRecallF1SupportCallback,
} from "./callbacks/class-metric.js";
export { CriterionCallback, type CriterionOptions } from "./callbacks/criterion.js";
export { EarlyStoppingCallback, type EarlyStoppingOptions } from "./callbacks/early-stopping.js";
export { MeanCallback, type MeanOptions } from "./callbacks/mean-metric.js";
export { MetricCallback, type MetricKeys, type MetricOptions } from "./callbacks/metric.js";
export { OptimizerCallback, type OptimizerOptions } from "./callbacks/optimizer.js";
export { ProgressCallback } from "./callbacks/progress.js";
export {
  MeanAbsoluteErrorCallback,
  MeanSquaredErrorCallback,
  R2Callback,
} from "./callbacks/regression-metric.js";
export { SchedulerCallback, type SchedulerOptions } from "./callbacks/scheduler.js";
export * from "./core/callback.js";
export type * from "./core/context.js";
export type * from "./core/criterion.js";
export { RunError, UsageError } from "./core/errors.js";
export type * from "./core/loader.js";
export type * from "./core/metrics-logger.js";
export type { Model, Module } from "./core/model.js";
export { defineOptions } from "./core/options/recipe-options.js";
export type { OptionKind, OptionRow, OptionRows, OptionValue, OptionValues } from "./core/options/row.js";
export type { Device, EngineName, OnNan, TrainerOptions, Verbosity } from "./core/options/table.js";
export type * from "./core/options/train-options.js";
export { namedParameters, type Parameter } from "./core/parameters.js";
export { getRank, type ProcessGroup } from "./core/process-group.js";
export type * from "./core/process-log.js";
export {
  type MaybePromise,
  Recipe,
  type RecipeClass,
  type RecipeConfig,
  type RecipePlace,
  type ReportProgress,
} from "./core/recipe.js";
export { setRequiresGrad } from "./core/requires-grad.js";
export type { Scheduler } from "./core/scheduler.js";
export type * from "./core/state.js";
export type * from "./core/summary.js";
export { DataLoader } from "./data/data-loader.js";
export { ImageDataset } from "./data/image-dataset.js";
export { loadMnist, type PreparedMnist, prepareMnist } from "./data/mnist.js";
export { assertUnchanged } from "./data/unchanged.js";
export { AdamWOptimizer, type AdamWOptions, adamW } from "./engine/adamw.js";
export { tf } from "./engine/tf.js";
export { ConsoleLogger } from "./loggers/console.js";
export { CsvLogger } from "./loggers/csv.js";
export { TensorboardLogger } from "./loggers/tensorboard.js";
export { type BinaryCrossEntropyOptions, binaryCrossEntropy } from "./losses/binary-cross-entropy.js";
export { type CrossEntropyOptions, crossEntropy, crossEntropyLoss } from "./losses/cross-entropy.js";
export type { Loss } from "./losses/loss.js";
export { type HuberOptions, huber, meanAbsoluteError, meanSquaredError } from "./losses/regression.js";
export { Accuracy } from "./metrics/accuracy.js";
export { Auc } from "./metrics/auc.js";
export { BinaryAccuracy, type BinaryAccuracyOptions, MultilabelAccuracy } from "./metrics/binary-accuracy.js";
export type { BinaryOptions } from "./metrics/binary-scores.js";
export { Classification } from "./metrics/classification.js";
export { ConfusionMatrix } from "./metrics/confusion-matrix.js";
export { Mean } from "./metrics/mean.js";
export type { Metric } from "./metrics/metric.js";
export { R2 } from "./metrics/r2.js";
export { MeanAbsoluteError, MeanSquaredError } from "./metrics/regression-error.js";
export { DistributedSampler } from "./sampler/distributed-sampler.js";
