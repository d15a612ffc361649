// The contract of a metric: an accumulator that is fed batches.
import type { Accumulator } from "../core/context.js";
import type { HostValues } from "../core/criterion.js";

/** Sums and counts of what MetricCallback reads from each batch: the values under its keys, in that order. */
export interface Metric extends Accumulator {
  /** Adds a batch. @throws UsageError saying what is wrong with the values; MetricCallback adds where. */
  update(...values: HostValues[]): void;
}
