// Files that are either the old content or the new, never half of it, whatever happens in between.
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { messageOf, RunError } from "./errors.js";

/**
 * Writes to a temporary file beside `path`, syncs it to disk, and renames it over `path`.
 * @throws RunError naming the path; the file is then what it was.
 */
export function writeFileAtomic(path: string, ...parts: readonly (string | Uint8Array)[]): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(temporary, "w");
    try {
      for (const part of parts) writeAll(file, typeof part === "string" ? Buffer.from(part) : part);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new RunError(`cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
  syncFolder(dirname(path));
}

/** Makes `to` another name of the file `from`, or a copy where the file system has no hard links. */
export function linkFileAtomic(from: string, to: string): void {
  const temporary = `${to}.${process.pid}.tmp`;
  try {
    rmSync(temporary, { force: true });
    try {
      linkSync(from, temporary);
    } catch {
      copyFileSync(from, temporary);
      syncFile(temporary);
    }
    renameSync(temporary, to);
  } finally {
    // Also on success: a rename between two names of one file does nothing and leaves both.
    rmSync(temporary, { force: true });
  }
  syncFolder(dirname(to));
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at);
}

function syncFile(path: string): void {
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A rename is durable only once its folder is; platforms that cannot open a folder skip this. */
function syncFolder(folder: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(folder, "r");
  } catch {
    return;
  }
  try {
    fsyncSync(descriptor);
  } catch {
    // Some file systems refuse to sync a folder.
  } finally {
    closeSync(descriptor);
  }
}
