// Which files a run leaves in its log folder, known by name and, where others use such names too, by content: so that
// replacing a run never touches a file that no run wrote.
import { type Dirent, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, UsageError } from "../../core/errors.js";

/** Names that say that a folder holds a run. Loader keys, and so their files, start with train, valid or infer. */
const MARKS = /^(config\.json|summary\.json|checkpoints|(train|valid|infer).*\.csv)$/;

/** What a run leaves in the log folder, with what must be in it where others use such a name too. */
const LEFT_FILES = [
  { name: /^config\.json$/, content: /"ddp-train"/ },
  { name: /^summary\.json$/, content: /"weights_sha256"/ },
  { name: /^(train|valid|infer).*\.csv$/, content: /^(step,|$)/ },
  // What a crash leaves of an atomic write.
  {
    name: /^(config\.json|summary\.json|lock(\.takeover)?|(train|valid|infer).*\.csv)\.\d+\.tmp$/,
    content: /^/,
  },
];
/** What it leaves in folders there. */
const LEFT_IN_FOLDERS = [
  {
    folder: /^checkpoints$/,
    files: /^(best\.safetensors|last\.safetensors|.+\.\d+\.safetensors|_metrics\.json)(\.\d+\.tmp)?$/,
  },
  { folder: /^(train|valid|infer)/, files: /tfevents/ },
];

const RANK_LOG = /^rank-\d+\.log$/;

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
    if (inside) removeFiles(path, inside.files);
  }
}

/** Removes the logs of a run's ranks. */
export function removeRankLogs(logdir: string): void {
  removeFiles(join(logdir, "logs"), RANK_LOG);
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

function removeFiles(folder: string, names: RegExp): void {
  for (const entry of list(folder)) {
    if (entry.isFile() && names.test(entry.name)) rmSync(join(folder, entry.name));
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
