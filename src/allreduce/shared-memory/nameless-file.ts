// Files in memory that have no name in any folder, so that nothing outlives the processes, however they end.
// Promises: what is created is private to this user and has its memory; what is opened is the right rank's.
import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, readlinkSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { RunError } from "../../core/errors.js";
import { HEAD_BYTES } from "./memory.js";

/** Where the other ranks of this machine find a rank's file. */
export interface FileLocation {
  /** Equal for processes that see each other's process ids. */
  readonly host: string;
  readonly pid: number;
  readonly descriptor: number;
}

/** Files in memory, on Linux. */
const FOLDER = "/dev/shm";
const MARK_BYTES = 32;
const MARK_AT = HEAD_BYTES - MARK_BYTES;

/**
 * Creates this rank's file of `bytes` bytes, filled with zeros and so really there.
 * @throws whatever the system says where there is no such memory, or not enough.
 */
export function createFile(token: string, rank: number, bytes: number): FileLocation {
  const host = `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  const path = join(FOLDER, `ddp-${randomBytes(12).toString("hex")}`);
  const descriptor = openSync(path, "wx+", 0o600);
  try {
    // Who has it open keeps it; the others open it through this process.
    unlinkSync(path);
    const zeros = new Uint8Array(64 * 1024);
    for (let at = 0; at < bytes; at += zeros.length) writeSync(descriptor, zeros, 0, zeros.length, at);
    writeSync(descriptor, mark(token, rank), 0, MARK_BYTES, MARK_AT);
    return { host, pid: process.pid, descriptor };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/**
 * Opens a rank's file for reading.
 * @throws RunError when it is not that rank's, or whatever the system says.
 */
export function openFile(token: string, rank: number, { pid, descriptor }: FileLocation): number {
  const file = openSync(`/proc/${pid}/fd/${descriptor}`, "r");
  const found = Buffer.alloc(MARK_BYTES);
  readSync(file, found, 0, found.length, MARK_AT);
  if (found.equals(mark(token, rank))) return file;
  closeSync(file);
  throw new RunError(`descriptor ${descriptor} of process ${pid} is not the memory of rank ${rank}`);
}

function mark(token: string, rank: number): Buffer {
  return createHash("sha256").update(`${token} memory of rank ${rank}`).digest();
}
