// Downloads the MNIST files from public mirrors. Each grows in a `.part` file, which an interrupted download leaves
// and the next one continues; only when all are whole, by the SHA-256 of their content, do they get their names.
// Every wait is bounded. Two processes may download into one folder: they write the same bytes to the same places.
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { messageOf, UsageError } from "../core/errors.js";
import type { ReportProgress } from "../core/recipe.js";
import { readIdxBytes } from "./idx.js";
import { findFile, type KnownFile, MNIST_FILES, partOf, sha256 } from "./mnist-files.js";

export const MNIST_MIRRORS: readonly string[] = [
  "https://ossci-datasets.s3.amazonaws.com/mnist/",
  "https://storage.googleapis.com/cvdf-datasets/mnist/",
];

export interface DownloadOptions {
  /** Addresses that end in `/`, tried in order. */
  readonly mirrors?: readonly string[];
  readonly files?: readonly KnownFile[];
  /** Longest wait for a mirror's answer, milliseconds. */
  readonly answerTimeout?: number;
  /** Longest wait for more data, milliseconds. */
  readonly stallTimeout?: number;
}

/**
 * Downloads what is missing of the files into `folder`, gzipped.
 * @throws UsageError when the folder cannot be made or holds a file with other content; Error telling each mirror's
 * failure when no mirror gave the right content.
 */
export async function downloadMnist(
  folder: string,
  report: ReportProgress,
  options: DownloadOptions = {},
): Promise<void> {
  const {
    mirrors = MNIST_MIRRORS,
    files = MNIST_FILES,
    answerTimeout = 5000,
    stallTimeout = 15_000,
  } = options;
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(
      `cannot make the data folder ${folder}: ${messageOf(error)}; name another --data-dir`,
    );
  }
  const missing = files.filter((file) => !isThere(folder, file));
  // A mirror that fails goes to the end, so that it costs its time limit once and not once a file.
  const order = [...mirrors];
  for (const file of missing) {
    await fromAnyMirror(order, file, partOf(folder, file.name), report, { answerTimeout, stallTimeout });
  }
  for (const { name } of missing) {
    const part = partOf(folder, name);
    // Another process may have been faster with the same content.
    if (existsSync(part)) renameSync(part, join(folder, `${name}.gz`));
  }
}

interface Limits {
  readonly answerTimeout: number;
  readonly stallTimeout: number;
}

function isThere(folder: string, file: KnownFile): boolean {
  const path = findFile(folder, file.name);
  if (path === null) return false;
  const found = sha256(readIdxBytes(path));
  if (found === file.sha256) return true;
  throw new UsageError(
    `${path} is not MNIST's: SHA-256 ${found}, expected ${file.sha256}; move it away, or complete its set of files`,
  );
}

async function fromAnyMirror(
  mirrors: string[],
  file: KnownFile,
  part: string,
  report: ReportProgress,
  limits: Limits,
): Promise<void> {
  const failures: string[] = [];
  for (const mirror of [...mirrors]) {
    try {
      return await fromMirror(`${mirror}${file.name}.gz`, file, part, report, limits);
    } catch (error) {
      failures.push(`${new URL(mirror).host}: ${reasonOf(error)}`);
      mirrors.push(...mirrors.splice(mirrors.indexOf(mirror), 1));
    }
  }
  throw new Error(`could not download ${file.name}.gz (${failures.join("; ")})`);
}

async function fromMirror(
  url: string,
  file: KnownFile,
  part: string,
  report: ReportProgress,
  limits: Limits,
): Promise<void> {
  const { resumed } = await transfer(url, part, report, limits);
  let problem = problemOf(part, file);
  if (problem !== null && resumed) {
    // The fault may lie in what an earlier download left: once more, from the start.
    rmSync(part, { force: true });
    await transfer(url, part, report, limits);
    problem = problemOf(part, file);
  }
  if (problem === null) return;
  rmSync(part, { force: true });
  throw new Error(problem);
}

function problemOf(part: string, file: KnownFile): string | null {
  try {
    const found = sha256(readIdxBytes(part));
    return found === file.sha256 ? null : `its content has SHA-256 ${found}, expected ${file.sha256}`;
  } catch (error) {
    return `wrong content: ${messageOf(error)}`;
  }
}

/** The largest file has 9.9 MB; a mirror gone mad must not fill the disk. */
const MOST_BYTES = 64e6;
const REPORT_EVERY_MS = 1000;

/** Adds to `part` what it lacks of `url`; what has arrived stays there, whatever happens. */
async function transfer(
  url: string,
  part: string,
  report: ReportProgress,
  limits: Limits,
): Promise<{ resumed: boolean }> {
  const output = openSync(part, constants.O_RDWR | constants.O_CREAT, 0o644);
  const watch = new Watchdog();
  try {
    const have = fstatSync(output).size;
    watch.expect(limits.answerTimeout, "no answer");
    const response = await fetch(url, {
      signal: watch.signal,
      // `identity`: the files are gzipped themselves, and a length must mean the file's.
      headers: { "accept-encoding": "identity", ...(have > 0 ? { range: `bytes=${have}-` } : {}) },
    });
    // "Nothing after your last byte": the part is whole, or wrong; its hash will tell.
    if (response.status === 416 && have > 0) return { resumed: true };
    if (!response.ok || response.body === null) throw new Error(`HTTP status ${response.status}`);
    const resumed = response.status === 206;
    if (resumed && !response.headers.get("content-range")?.startsWith(`bytes ${have}-`)) {
      throw new Error(`answered with range ${response.headers.get("content-range")}, asked for ${have}-`);
    }
    let at = resumed ? have : 0;
    const total = at + Number(response.headers.get("content-length") ?? Number.NaN);
    const progress = reporter(url, total, report);
    watch.expect(limits.stallTimeout, "no more data");
    for await (const chunk of response.body) {
      watch.expect(limits.stallTimeout, "no more data");
      if (at + chunk.length > MOST_BYTES) throw new Error(`sends more than ${megabytes(MOST_BYTES)} MB`);
      for (let done = 0; done < chunk.length; ) {
        done += writeSync(output, chunk, done, chunk.length - done, at + done);
      }
      at += chunk.length;
      progress(at);
    }
    ftruncateSync(output, at);
    fsyncSync(output);
    return { resumed };
  } finally {
    watch.stop();
    const empty = fstatSync(output).size === 0;
    closeSync(output);
    if (empty) rmSync(part, { force: true });
  }
}

/** Aborts its signal when what was expected last does not come in time. */
class Watchdog {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  readonly signal = this.controller.signal;

  expect(milliseconds: number, otherwise: string): void {
    clearTimeout(this.timer);
    const error = new Error(`${otherwise} within ${milliseconds / 1000} s`);
    this.timer = setTimeout(() => this.controller.abort(error), milliseconds);
  }

  /** Also ends the connection, if it is still open. */
  stop(): void {
    clearTimeout(this.timer);
    this.controller.abort();
  }
}

/** Reports at the first data, then once a second, and at the end. */
function reporter(url: string, total: number, report: ReportProgress): (at: number) => void {
  const name = url.slice(url.lastIndexOf("/") + 1);
  let last = Number.NEGATIVE_INFINITY;
  return (at) => {
    const now = performance.now();
    if (now - last < REPORT_EVERY_MS && at !== total) return;
    last = now;
    report(`downloading ${name} ${megabytes(at, total)}${total > 0 ? ` of ${megabytes(total)}` : ""} MB`);
  };
}

/** With as many decimals as the whole deserves: 4.2, but 0.029. */
function megabytes(bytes: number, whole = bytes): string {
  return (bytes / 1e6).toFixed(whole < 1e6 ? 3 : 1);
}

/** What lies behind fetch's "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) return messageOf(error);
  return cause.message || (cause as NodeJS.ErrnoException).code || messageOf(error);
}
