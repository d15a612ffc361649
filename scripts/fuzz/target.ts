// What can be fuzzed, and the oracle: an input gives a well-formed value or is refused by a UsageError or RunError of
// one line that names the file, within a second, and without memory that only the input's claims would justify.
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type fc from "fast-check";
import { RunError, UsageError } from "../../src/core/errors.js";

export interface Target {
  readonly name: string;
  readonly inputs: fc.Arbitrary<Uint8Array>;
  /** What the message of a refusal must contain. */
  readonly names: RegExp;
  /**
   * Reads the input; false when it was refused without an error.
   * @throws AssertionError when what comes out is not what its type promises.
   */
  read(input: Uint8Array): boolean;
}

export interface Verdict {
  /** Null when the input was read or refused as it should be. */
  readonly kind: "crash" | "hang" | "allocation" | null;
  readonly refused: boolean;
  readonly detail: string;
}

const SECOND = 1000;
const FREE_BYTES = 32 * 2 ** 20;
/** Deflate packs at most 1032 bytes into one. */
const BYTES_PER_BYTE = 1100;
/** Room for a path, two numbers and an explanation; see UsageError. */
const LONGEST_LINE = 2100;

/** Reads an input and judges what happened; a slow input gets a second chance, since the machine may have been busy. */
export function judge(target: Target, input: Uint8Array): Verdict {
  const verdict = judgeOnce(target, input);
  return verdict.kind === "hang" ? judgeOnce(target, input) : verdict;
}

function judgeOnce(target: Target, input: Uint8Array): Verdict {
  const before = memory();
  const started = performance.now();
  let complaint: string | null = null;
  let refused = false;
  try {
    refused = !target.read(input);
  } catch (error) {
    refused = true;
    complaint = complaintAbout(error, target.names);
  }
  const milliseconds = performance.now() - started;
  const bytes = memory() - before;
  if (complaint !== null) return { kind: "crash", refused, detail: complaint };
  if (milliseconds > SECOND) {
    return { kind: "hang", refused, detail: `took ${(milliseconds / SECOND).toFixed(1)} s` };
  }
  if (bytes > FREE_BYTES + BYTES_PER_BYTE * input.length) {
    // Freed during the next input, it would hide what that one takes.
    collectGarbage();
    return { kind: "allocation", refused, detail: `${bytes} bytes for an input of ${input.length}` };
  }
  return { kind: null, refused, detail: "" };
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function memory(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

function complaintAbout(error: unknown, names: RegExp): string | null {
  if (!(error instanceof UsageError || error instanceof RunError)) {
    return error instanceof Error ? (error.stack ?? error.message) : `threw ${String(error)}`;
  }
  const { message } = error;
  if (/[\r\n]/.test(message)) return `a message of several lines: ${JSON.stringify(message)}`;
  if (message.length > LONGEST_LINE) return `a message of ${message.length} characters`;
  return names.test(message) ? null : `a message that does not match ${names}: ${message}`;
}
