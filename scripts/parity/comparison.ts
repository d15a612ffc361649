// What one part of this project gives, beside what PyTorch or scikit-learn gave for the same input.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, UsageError } from "../../src/core/errors.js";

export interface Comparison {
  readonly name: string;
  /** How many golden cases were compared; 0 when their file is not in the folder. */
  readonly cases: number;
  readonly largestDifference: number;
  /** The comparison passes while {@link largestDifference} is at most this. */
  readonly limit: number;
  /** One line: what was compared, or where the largest difference is. */
  readonly detail: string;
}

/** NaN passes no comparison. */
export function passes({ largestDifference, limit }: Comparison): boolean {
  return largestDifference <= limit;
}

/** Keeps the largest absolute difference seen, and where it was. A missing value or NaN differs infinitely. */
export class Largest {
  difference = 0;
  where = "";

  add(where: string, ours: number | undefined, theirs: number): void {
    const distance = Math.abs((ours ?? Number.NaN) - theirs);
    const difference = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
    if (difference <= this.difference) return;
    this.difference = difference;
    this.where = `${where}: ours ${ours}, golden ${theirs}`;
  }
}

/** Parses `folder/name`; null when it is not there. @throws UsageError when it is not JSON. */
export function readGolden<T>(folder: string, name: string): T | null {
  const path = join(folder, name);
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (error) {
    throw new UsageError(`${path} cannot be read as JSON: ${messageOf(error)}`);
  }
}
