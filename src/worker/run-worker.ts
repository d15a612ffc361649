// One worker's whole life between `init` and `done`: engine, recipe, data, group, run.
import { join } from "node:path";
import { connectProcessGroup } from "../allreduce/open-group.js";
import { openLog } from "../core/process-log.js";
import type { Position, Prepared, WorkerInit } from "../core/protocol.js";
import { LOGS_FOLDER, rankLog } from "../core/run-files.js";
import type { RunProgress, RunResults } from "../core/summary.js";
import { placeOf } from "../core/topology.js";
import { factsOf } from "../engine/engines.js";
import { loadEngine } from "../engine/load.js";
import { Runner } from "./loops/runner.js";
import { chooseStages } from "./stage/build.js";
import { loadRecipe } from "./stage/load-recipe.js";

/** How a worker talks to its launcher. */
export interface Launcher {
  /** This machine's first rank has its data on disk and knows the stages. */
  prepared(prepared: Prepared): Promise<void>;
  /** Resolves when all workers may go on. */
  readonly started: Promise<Prepared>;
  /** A line for the person watching. */
  status(message: string, level?: "info" | "warn"): void;
  at(position: Position): void;
  /** The results so far, after each epoch. */
  recorded(progress: RunProgress): void;
  /** Aborted when the run is to end after the current batch, with `last` saved. */
  readonly interrupted: AbortSignal;
}

export interface WorkerEnd {
  /** Null on every rank but 0. */
  readonly results: RunResults | null;
  readonly interrupted: boolean;
}

/** Trains to the end, or until interrupted. */
export async function runWorker(init: WorkerInit, launcher: Launcher): Promise<WorkerEnd> {
  const { rank, topology, options } = init;
  const { localRank, worldSize } = placeOf(topology, rank);
  const { log, close: closeLog } = openLog(join(options.logdir, LOGS_FOLDER), rankLog(rank));
  const aborted = new AbortController();
  try {
    log.info("worker started", { rank, worldSize, engine: init.engine });
    const engine = await loadEngine(init.engine);
    const { Recipe, name, source } = await loadRecipe(options.recipe);
    if (localRank === 0) {
      const data = (await Recipe.prepareData?.(options, launcher.status)) ?? null;
      const recipe = new Recipe({ ...options, rank, localRank, worldSize, prepared: data });
      const stages = chooseStages(recipe, options.stages);
      await launcher.prepared({ recipe: name, stages, source, data });
    }
    const { data, stages } = await launcher.started;
    const recipe = new Recipe({ ...options, rank, localRank, worldSize, prepared: data });
    const { endpoints, token } = init;
    const { firstStepSeconds } = factsOf(init.engine);
    const group = await connectProcessGroup({
      rank,
      worldSize,
      endpoints,
      token,
      log,
      timeoutSeconds: options.timeoutSeconds,
      firstTimeoutSeconds:
        firstStepSeconds === null ? undefined : Math.max(firstStepSeconds, options.timeoutSeconds),
      signal: aborted.signal,
    });
    log.info("group connected", { engine: engine.description, stages });
    const runner = new Runner({
      recipe,
      recipeName: name,
      stages,
      options,
      group,
      log,
      resume: init.resume,
      interrupted: launcher.interrupted,
      onPosition: launcher.at,
      onNotice: launcher.status,
      onEpoch: (progress) => {
        if (rank === 0) launcher.recorded(progress);
      },
    });
    const { results, interrupted } = await runner.run();
    // A rank that left now could still owe its neighbour a message.
    await group.barrier();
    // Closed only here: after a failure the launcher must hear of it before the neighbours notice and fail as well.
    await group.close();
    return { results: rank === 0 ? results : null, interrupted };
  } catch (error) {
    log.error("worker failed", { error: error instanceof Error ? error.stack : String(error) });
    throw error;
  } finally {
    await closeLog();
  }
}
