// Looks up a metric of the epoch that just ended, and says clearly when it is not there.
import type { RunContext } from "../core/context.js";
import { UsageError } from "../core/errors.js";

/** `epochMetrics[loaderKey][metricKey]`. @throws UsageError listing the loaders or metrics there are. */
export function requireMetric(
  context: RunContext,
  loaderKey: string,
  metricKey: string,
  user: string,
): number {
  const metrics = context.epochMetrics[loaderKey];
  if (!metrics) {
    const keys = Object.keys(context.epochMetrics).join(", ");
    throw new UsageError(`${user} watches loader "${loaderKey}", but the loaders are: ${keys}`);
  }
  const value = metrics[metricKey];
  if (value === undefined) {
    const keys = Object.keys(metrics).filter((key) => !key.includes("/"));
    throw new UsageError(`${user} watches "${metricKey}" of "${loaderKey}", which has: ${keys.join(", ")}`);
  }
  return value;
}
