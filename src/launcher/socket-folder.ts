// The private folder of a run's sockets: only this user can enter it, and every run has its own.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SocketFolder {
  /** Where each rank listens, by rank. */
  readonly endpoints: readonly string[];
  /** Secret of this run. */
  readonly token: string;
  remove(): void;
}

/** Bytes that a unix socket's path may have: 107 on Linux, 103 on macOS. */
const LONGEST_PATH = 103;

/** Creates the folder, in the system's temporary folder where its path is short enough, else in /tmp. */
export function openSocketFolder(worldSize: number, parent: string = tmpdir()): SocketFolder {
  const longest = join(parent, "ddp-XXXXXX", String(worldSize));
  const fits = Buffer.byteLength(longest) <= LONGEST_PATH;
  // mkdtemp makes it with mode 0700.
  const folder = mkdtempSync(join(fits ? parent : "/tmp", "ddp-"));
  return {
    endpoints: Array.from({ length: worldSize }, (_, rank) => `ipc://${join(folder, String(rank))}`),
    token: randomBytes(16).toString("hex"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
