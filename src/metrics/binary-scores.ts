// What the metrics and losses of yes-or-no labels share: which scores and targets make sense.
import type { HostValues } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";
import { faultOfShapes, faultOfType } from "./shapes.js";

export interface BinaryOptions {
  /** Whether the scores are logits, of which the sigmoid is the probability. Default: they are probabilities. */
  readonly fromLogits?: boolean;
}

/** How far a probability may lie outside 0 to 1 by rounding. */
const ROUNDING = 1e-6;

/** What is wrong with the shapes or types of scores and labels; null when nothing is. */
export function faultOfBinary(
  outputs: Omit<HostValues, "data">,
  targets: Omit<HostValues, "data">,
): string | null {
  return (
    faultOfShapes(outputs.shape, targets.shape) ??
    faultOfType(outputs, ["float32"]) ??
    faultOfType(targets, ["float32", "int32", "bool"])
  );
}

/** What is wrong with targets that should lie between 0 and 1; null when nothing is. */
export function faultOfSoftLabels({ data }: HostValues): string | null {
  for (let i = 0; i < data.length; i++) {
    if (!(data[i] >= 0 && data[i] <= 1)) return `target ${data[i]} is outside 0 to 1`;
  }
  return null;
}

/** What is wrong with scores that should be probabilities; null when nothing is. A NaN is none of its business. */
export function faultOfProbabilities({ data }: HostValues): string | null {
  for (let i = 0; i < data.length; i++) {
    if (data[i] < -ROUNDING || data[i] > 1 + ROUNDING) {
      return `the output ${data[i]} is no probability; if these are logits, say fromLogits: true`;
    }
  }
  return null;
}

/** @throws UsageError when scores and targets do not fit, a target is not 0 or 1, or a score is no probability. */
export function requireBinary(outputs: HostValues, targets: HostValues, fromLogits: boolean): void {
  const fault =
    faultOfBinary(outputs, targets) ??
    faultOfLabels(targets) ??
    (fromLogits ? null : faultOfProbabilities(outputs));
  if (fault !== null) throw new UsageError(fault);
}

/** @throws UsageError when there is not one score a sample. */
export function requireOneScore({ shape }: HostValues): void {
  if (shape.length === 1 || (shape.length === 2 && shape[1] === 1)) return;
  throw new UsageError(`wants one output a sample, [batch] or [batch, 1], got [${shape}]`);
}

function faultOfLabels({ data }: HostValues): string | null {
  for (let i = 0; i < data.length; i++) {
    if (data[i] !== 0 && data[i] !== 1) return `target ${data[i]} is neither 0 nor 1`;
  }
  return null;
}
