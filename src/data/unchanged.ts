// Notices that data files change under a job. Each rank reads them for itself, and a restarted or resumed group reads
// them again: were they others by then, the run would go on with numbers that no run can have.
import { type Stats, statSync } from "node:fs";
import { messageOf, RunError } from "../core/errors.js";
import { readIdxBytes } from "./idx.js";
import { findFile, sha256 } from "./mnist-files.js";

/** What changes with a file, at the price of a look: its size in bytes and the time it was written, in milliseconds. */
export type FileStamp = { readonly size: number; readonly written: number };

/** The files of a folder, by their names without `.gz`, as they were when they were checked. */
export type CheckedFiles = {
  readonly folder: string;
  readonly sha256: { readonly [file: string]: string };
  readonly stamps: { readonly [file: string]: FileStamp };
};

/** The stamp of a file. */
export function stampOf(path: string): FileStamp {
  const { size, mtimeMs }: Stats = statSync(path);
  return { size, written: mtimeMs };
}

/**
 * Checks that the files still hold what they did. Only what has another stamp is read: being copied or touched is no
 * change.
 * @throws RunError naming the file that holds something else, or is gone.
 */
export function assertUnchanged({ folder, sha256: hashes, stamps }: CheckedFiles): void {
  for (const [name, hash] of Object.entries(hashes)) {
    const path = findFile(folder, name);
    if (path === null) throw new RunError(`${name} in ${folder} is gone since the run began: put it back`);
    let found: string;
    try {
      if (isSame(stampOf(path), stamps[name])) continue;
      found = sha256(readIdxBytes(path));
    } catch (error) {
      throw new RunError(`${path} has changed since the run began: ${messageOf(error)}`);
    }
    if (found === hash) continue;
    throw new RunError(
      `${path} has changed since the run began (SHA-256 ${found.slice(0, 12)}…, was ${hash.slice(0, 12)}…): ` +
        "put the file back, and resume from the last checkpoint",
    );
  }
}

function isSame(a: FileStamp, b: FileStamp | undefined): boolean {
  return a.size === b?.size && a.written === b.written;
}
