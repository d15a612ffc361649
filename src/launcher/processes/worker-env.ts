// The environment of a forked worker: its rank in the names everybody knows, and what its engine wants to find. It
// must be right before the process starts, for GPU libraries read it when they are loaded.
import type { Device, EngineName } from "../../core/options/table.js";
import type { RankPlace } from "../../core/topology.js";
import { ENGINE_FACTS, factsOf } from "../../engine/engines.js";

/**
 * Environment of the worker at `place`, in the names that torchrun gives as well (its group is a machine): an engine
 * that needs GPUs sees the `localRank`-th that the parent sees.
 */
export function workerEnv(
  parent: NodeJS.ProcessEnv,
  place: RankPlace,
  engine: EngineName,
): NodeJS.ProcessEnv {
  return {
    ...withSet(parent, factsOf(engine).env(parent, place.localRank)),
    RANK: String(place.rank),
    LOCAL_RANK: String(place.localRank),
    WORLD_SIZE: String(place.worldSize),
    LOCAL_WORLD_SIZE: String(place.localWorldSize),
    GROUP_RANK: String(place.node),
    GROUP_WORLD_SIZE: String(place.nodeCount),
    NODE_RANK: String(place.node),
  };
}

/** Environment of a probe: it sees the parent's GPUs where they are wanted, else none. */
export function probeEnv(parent: NodeJS.ProcessEnv, device: Device): NodeJS.ProcessEnv {
  const candidates = device === "auto" ? [...ENGINE_FACTS] : [factsOf(device)];
  // Where several are tried in one process, the best one's word counts.
  const sets = candidates.reverse().map((facts) => facts.env(parent, null));
  return withSet(parent, Object.assign({}, ...sets));
}

function withSet(parent: NodeJS.ProcessEnv, set: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const env = { ...parent, ...set };
  for (const name of Object.keys(set)) if (set[name] === undefined) delete env[name];
  return env;
}
