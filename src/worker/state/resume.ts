// Reading the checkpoint that a run goes on from. Rank 0 reads and checks it, all ranks get its bytes.
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseState, readWhole } from "../../checkpoint/format.js";
import { UsageError } from "../../core/errors.js";
import type { ProcessGroup } from "../../core/process-group.js";
import { isCheckpointFile } from "../../core/run-files.js";
import type { RunState } from "../../core/state.js";

/**
 * The state to go on from, on every rank.
 * @throws UsageError when the file is damaged (naming the newest good one beside it), of a stage that this run does
 * not have, or from within an epoch of another number of workers.
 */
export async function loadResumeState(
  path: string,
  stages: readonly string[],
  group: ProcessGroup,
): Promise<RunState> {
  const own = group.rank === 0 ? readChecked(path) : new Uint8Array();
  const state = parseState(await group.broadcast(own), path);
  if (!stages.includes(state.stage)) {
    throw new UsageError(`${path} is of stage "${state.stage}"; this run's stages are: ${stages.join(", ")}`);
  }
  if (state.midEpoch && state.worldSize !== group.worldSize) {
    throw new UsageError(
      `${path} was saved within an epoch by ${state.worldSize} workers, which share its samples among them: ` +
        `resume with --workers ${state.worldSize}, or from a checkpoint of an epoch's end`,
    );
  }
  return state;
}

function readChecked(path: string): Uint8Array {
  try {
    const bytes = readWhole(path);
    parseState(bytes, path);
    return bytes;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const other = newestGood(dirname(path));
    throw new UsageError(
      `${error.message}; ${other ? `go on from the newest good checkpoint: --resume ${other}` : "no other checkpoint is good"}`,
    );
  }
}

function newestGood(folder: string): string | null {
  const files = readdirSync(folder)
    .filter(isCheckpointFile)
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const file of files) {
    try {
      parseState(readWhole(file), file);
      return file;
    } catch {
      // Damaged too.
    }
  }
  return null;
}
