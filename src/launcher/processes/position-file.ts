// The file in which a worker notes where it is. It has no name: nothing is left of it when both have closed it.
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Position } from "../../core/protocol.js";

export interface PositionFile {
  /** For the worker to inherit. */
  readonly fd: number;
  /** What the worker noted last, or null. Null also once it is closed. */
  read(): Position | null;
  close(): void;
}

/** More than the worker writes. */
const BYTES = 2048;

/** Opens a new one. */
export function openPositionFile(): PositionFile {
  const path = join(tmpdir(), `ddp-position-${randomUUID()}`);
  const fd = openSync(path, "wx+", 0o600);
  rmSync(path);
  let isOpen = true;
  return {
    fd,
    read: () => (isOpen ? readPosition(fd) : null),
    close: () => {
      isOpen = false;
      closeSync(fd);
    },
  };
}

function readPosition(fd: number): Position | null {
  const bytes = Buffer.alloc(BYTES);
  const length = readSync(fd, bytes, 0, BYTES, 0);
  const [line] = bytes.toString("utf8", 0, length).split("\n");
  try {
    return JSON.parse(line) as Position;
  } catch {
    // Nothing yet, or a name too long for a line.
    return null;
  }
}
