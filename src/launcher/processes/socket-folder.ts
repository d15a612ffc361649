// The private folder of a run's sockets: only this user can enter it, and every run has its own. It says whose it is,
// so that a later run can remove what a launcher that was killed has left.
import { randomBytes } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isGone, parseOwner, thisOwner } from "../run-folder/owner.js";

export interface SocketFolder {
  /** Where each rank listens, by rank. */
  readonly endpoints: readonly string[];
  /** Secret of this run. */
  readonly token: string;
  remove(): void;
}

/** Bytes that a unix socket's path may have: 107 on Linux, 103 on macOS. */
const LONGEST_PATH = 103;
/** Where a folder goes when the system's temporary folder has too long a path. */
const SHORT_PARENT = "/tmp";

/** Creates the folder, in the system's temporary folder where its path is short enough, else in /tmp. */
export function openSocketFolder(worldSize: number, parent: string = tmpdir()): SocketFolder {
  const longest = join(parent, "ddp-XXXXXX", String(worldSize));
  const fits = Buffer.byteLength(longest) <= LONGEST_PATH;
  // mkdtemp makes it with mode 0700.
  const folder = mkdtempSync(join(fits ? parent : SHORT_PARENT, "ddp-"));
  writeFileSync(join(folder, "owner"), JSON.stringify(thisOwner()));
  return {
    endpoints: Array.from({ length: worldSize }, (_, rank) => `ipc://${join(folder, String(rank))}`),
    token: randomBytes(16).toString("hex"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Removes this user's socket folders whose launchers are gone. Never fails: nothing depends on it. */
export function removeAbandonedSockets(parents: readonly string[] = [tmpdir(), SHORT_PARENT]): void {
  for (const parent of new Set(parents)) {
    for (const name of namesIn(parent)) {
      const folder = join(parent, name);
      if (/^ddp-\w{6}$/.test(name) && isAbandoned(folder)) removeQuietly(folder);
    }
  }
}

function isAbandoned(folder: string): boolean {
  try {
    const { uid } = lstatSync(folder);
    if (uid !== process.getuid?.()) return false;
    const file = join(folder, "owner");
    if (!lstatSync(file).isFile()) return false;
    const owner = parseOwner(JSON.parse(readFileSync(file, "utf8")));
    return owner !== null && isGone(owner);
  } catch {
    return false;
  }
}

function removeQuietly(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Another launcher is removing it as well.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
