// Runs a recipe with all ranks in this process, over real sockets, and gives each rank's results.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectProcessGroup } from "../../src/allreduce/open-group.js";
import { readGiven } from "../../src/core/options/read.js";
import { OPTIONS } from "../../src/core/options/table.js";
import type { TrainOptions } from "../../src/core/options/train-options.js";
import type { Log } from "../../src/core/process-log.js";
import type { RecipeClass } from "../../src/core/recipe.js";
import type { RunResults } from "../../src/core/summary.js";
import { Runner, type RunnerSetup } from "../../src/worker/loops/runner.js";
import { chooseStages } from "../../src/worker/stage/build.js";

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

const given = { device: "cpu", batchSize: 4, timeout: 20, quiet: true, progress: false } as const;

/** For a run of one rank that says nothing. */
export const defaultOptions: TrainOptions = {
  ...readGiven(OPTIONS, given, {}),
  workers: 1,
  logdir: "/nowhere",
  dataset: "auto",
  dataDir: "/nowhere",
};

/** A folder for `use`, removed afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "ddp-test-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every rank's results, by rank. The first rank to fail ends the others, and its error is thrown. */
export async function runRanks(
  Recipe: RecipeClass,
  worldSize: number,
  changes: Partial<TrainOptions> = {},
  more: Partial<RunnerSetup> = {},
): Promise<RunResults[]> {
  return await withFolder(async (folder) => {
    const options = { ...defaultOptions, workers: worldSize, logdir: folder, ...changes };
    const endpoints = Array.from({ length: worldSize }, (_, rank) => `ipc://${folder}/${rank}`);
    const aborted = new AbortController();
    const oneRank = async (rank: number): Promise<RunResults> => {
      const recipe = new Recipe({ ...options, rank, localRank: rank, worldSize, prepared: null });
      const group = await connectProcessGroup({
        rank,
        worldSize,
        endpoints,
        token: "test",
        timeoutSeconds: options.timeoutSeconds,
        signal: aborted.signal,
      });
      try {
        const stages = chooseStages(recipe, options.stages);
        const setup = { recipe, recipeName: "test", stages, options, group, log: silentLog };
        return (await new Runner({ ...setup, onPosition: () => {}, ...more }).run()).results;
      } catch (error) {
        aborted.abort(error);
        throw error;
      } finally {
        await group.close();
      }
    };
    return await Promise.all(Array.from({ length: worldSize }, (_, rank) => oneRank(rank)));
  });
}
