// Targets of a classification as they come: class indices or one-hot rows. What does not make sense is told with its
// value, never counted.

import type { HostValues } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";

/** What is wrong with the shape or type of targets for `classes` classes; null when nothing is. */
export function faultOfTargets(
  { shape, dtype }: Omit<HostValues, "data">,
  outputShape: readonly number[],
): string | null {
  const [batch, classes] = outputShape;
  if (outputShape.length !== 2) return `wants outputs [batch, classes], got [${outputShape}]`;
  if (classes < 2) {
    return `wants outputs of two or more classes, got [${outputShape}]; one yes-or-no unit wants binaryCrossEntropy and BinaryAccuracyCallback`;
  }
  const isIndices = dtype === "int32" && shape[0] === batch && isListOrColumn(shape);
  if (isIndices || isOneHot(shape, outputShape)) return null;
  return `wants int32 class indices [${batch}] or one-hot rows [${batch}, ${classes}] as targets, got ${dtype} [${shape}]`;
}

/** Whether targets of this shape are one-hot rows. */
export function isOneHot(shape: readonly number[], outputShape: readonly number[]): boolean {
  return shape.length === 2 && shape.join() === outputShape.join();
}

/** What is wrong with the values of class indices or one-hot rows of the right shape; null when nothing is. */
export function faultOfValues({ shape, data }: HostValues, classes: number): string | null {
  if (shape.length === 2 && shape[1] === classes) return faultOfRows(data, classes);
  for (let i = 0; i < data.length; i++) {
    if (!(data[i] >= 0 && data[i] < classes)) {
      return `target ${data[i]} is outside the ${classes} classes (0 to ${classes - 1})`;
    }
  }
  return null;
}

/**
 * Class indices of targets that may be one-hot.
 * @throws UsageError saying what the targets are and what is wanted.
 */
export function classIndices(targets: HostValues, outputShape: readonly number[]): Int32Array {
  const fault = faultOfTargets(targets, outputShape) ?? faultOfValues(targets, outputShape[1]);
  if (fault !== null) throw new UsageError(fault);
  const { data, shape } = targets;
  if (!isOneHot(shape, outputShape)) return data as Int32Array;
  const classes = outputShape[1];
  return Int32Array.from({ length: outputShape[0] }, (_, row) => indexOfMax(data, row * classes, classes));
}

/** Rows of probabilities, of which one-hot is the plainest kind. */
function faultOfRows(data: HostValues["data"], classes: number): string | null {
  for (let start = 0; start < data.length; start += classes) {
    let sum = 0;
    for (let i = start; i < start + classes; i++) {
      if (!(data[i] >= 0)) return `a target row holds ${data[i]}: rows are one-hot, or probabilities`;
      sum += data[i];
    }
    if (Math.abs(sum - 1) > 1e-3) return `a target row adds up to ${sum}: rows are one-hot, or probabilities`;
  }
  return null;
}

function isListOrColumn(shape: readonly number[]): boolean {
  return shape.length === 1 || (shape.length === 2 && shape[1] === 1);
}

/** Place of the greatest, the first of equals. */
function indexOfMax(data: HostValues["data"], start: number, classes: number): number {
  let best = 0;
  for (let i = 1; i < classes; i++) if (data[start + i] > data[start + best]) best = i;
  return best;
}
