// Which files a run leaves in its log folder, known by name and, where others use such names too, by content: so that
// replacing a run never touches a file that no run wrote.
import { type Dirent, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, UsageError } from "../../core/errors.js";
import {
  BEST,
  CHECKPOINTS_FOLDER,
  CONFIG_FILE,
  checkpointFile,
  EVENTS_PREFIX,
  isRankLogFile,
  LAST,
  LOCK_FILE,
  LOGS_FOLDER,
  METRICS_FILE,
  REPORT_FILE,
  SUMMARY_FILE,
  tableFile,
} from "../../core/run-files.js";

/** Loader keys, and so the names of their files, start with one of these. */
const LOADER = "(train|valid|infer).*";
const quoted = (name: string) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
const oneOf = (...patterns: readonly string[]) => `(${patterns.join("|")})`;
const whole = (...parts: readonly string[]) => new RegExp(`^${parts.join("")}$`);

const CONFIG = quoted(CONFIG_FILE);
const SUMMARY = quoted(SUMMARY_FILE);
const REPORT = quoted(REPORT_FILE);
const TABLE = `${LOADER}${quoted(tableFile(""))}`;
/** What a crash leaves of an atomic write ends so. */
const DRAFT = "\\.\\d+\\.tmp";

/** Names that say that a folder holds a run. */
const MARKS = whole(oneOf(CONFIG, SUMMARY, REPORT, quoted(CHECKPOINTS_FOLDER), TABLE));

/** What a run leaves in the log folder, with what must be in it where others use such a name too. */
const LEFT_FILES = [
  { name: whole(CONFIG), content: /"ddp-train"/ },
  { name: whole(SUMMARY), content: /"weights_sha256"/ },
  { name: whole(REPORT), content: /<meta name="generator" content="ddp-train">/ },
  { name: whole(TABLE), content: /^(step,|$)/ },
  {
    name: whole(oneOf(CONFIG, SUMMARY, REPORT, `${quoted(LOCK_FILE)}(\\.takeover)?`, TABLE), DRAFT),
    content: /^/,
  },
];
/** What it leaves in folders there. */
const LEFT_IN_FOLDERS = [
  {
    folder: whole(quoted(CHECKPOINTS_FOLDER)),
    files: whole(
      oneOf(
        quoted(checkpointFile(BEST)),
        quoted(checkpointFile(LAST)),
        `.+\\.\\d+${quoted(checkpointFile(""))}`,
        quoted(METRICS_FILE),
      ),
      `(${DRAFT})?`,
    ),
  },
  { folder: whole(LOADER), files: new RegExp(`^${quoted(EVENTS_PREFIX)}`) },
];

/** The name of something in the folder that says that it holds a run, or undefined. */
export function findRun(logdir: string): string | undefined {
  return list(logdir).find(({ name }) => MARKS.test(name))?.name;
}

/** The name of a file that has the name of a run's but was not written by one, or undefined. */
export function findForeign(logdir: string): string | undefined {
  const isForeign = (entry: Dirent) =>
    entry.isFile() && MARKS.test(entry.name) && !isLeft(join(logdir, entry.name), entry.name);
  return list(logdir).find(isForeign)?.name;
}

/** Removes what a run left, but for the logs of its ranks, its lock and the file `keep`. */
export function removeRun(logdir: string, keep?: string): void {
  for (const entry of list(logdir)) {
    if (entry.name === keep) continue;
    const path = join(logdir, entry.name);
    if (entry.isFile() && isLeft(path, entry.name)) rmSync(path);
    const inside = entry.isDirectory() && LEFT_IN_FOLDERS.find(({ folder }) => folder.test(entry.name));
    if (inside) removeFiles(path, (name) => inside.files.test(name));
  }
}

/** Removes the logs of a run's ranks. */
export function removeRankLogs(logdir: string): void {
  removeFiles(join(logdir, LOGS_FOLDER), isRankLogFile);
}

/** Removes a folder, unless there is something in it. */
export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "ENOENT") throw error;
  }
}

function removeFiles(folder: string, isOne: (name: string) => boolean): void {
  for (const entry of list(folder)) {
    if (entry.isFile() && isOne(entry.name)) rmSync(join(folder, entry.name));
  }
  removeIfEmpty(folder);
}

function isLeft(path: string, name: string): boolean {
  const kind = LEFT_FILES.find((left) => left.name.test(name));
  return kind?.content.test(readFileSync(path, "utf8")) ?? false;
}

function list(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new UsageError(`cannot read the log folder ${folder} (${messageOf(error)}): give another --logdir`);
  }
}
