// Which outputs and targets belong together, element by element. tfjs would take [n, 1] and [n] for a matrix [n, n].
import type { HostValues } from "../core/criterion.js";

/**
 * What is wrong with targets that should be one for each output; null when nothing is. A last dimension of 1 may be
 * left out on either side: [n] and [n, 1] are the same.
 */
export function faultOfShapes(outputs: readonly number[], targets: readonly number[]): string | null {
  const [output, target] = [outputs.join(), targets.join()];
  const isSame = output === target || `${output},1` === target || output === `${target},1`;
  if (outputs.length > 0 && targets.length > 0 && isSame) return null;
  return `wants a target for each output, of shape [${outputs}], got targets [${targets}]`;
}

/** What is wrong with a type that should be one of these; null when nothing is. */
export function faultOfType({ dtype }: Pick<HostValues, "dtype">, types: readonly string[]): string | null {
  return types.includes(dtype) ? null : `wants ${types.join(" or ")}, got ${dtype}`;
}

/** What is wrong with outputs and targets that are plain numbers, one target for each output; null when nothing is. */
export function faultOfNumbers(
  outputs: Omit<HostValues, "data">,
  targets: Omit<HostValues, "data">,
): string | null {
  return (
    faultOfShapes(outputs.shape, targets.shape) ??
    faultOfType(outputs, ["float32", "int32"]) ??
    faultOfType(targets, ["float32", "int32"])
  );
}
