// The environment of a forked worker: its rank in the names everybody knows, and its GPU. It must be right before
// the process starts, for the GPU libraries read it when they are loaded.
import type { Device, EngineName } from "../../core/options/table.js";
import type { RankPlace } from "../../core/topology.js";

/**
 * Environment of the worker at `place`, in the names that torchrun gives as well (its group is a machine): with engine
 * cuda it sees one GPU, the `localRank`-th that the parent sees.
 */
export function workerEnv(
  parent: NodeJS.ProcessEnv,
  place: RankPlace,
  engine: EngineName,
): NodeJS.ProcessEnv {
  return {
    ...gpuEnv(parent, engine === "cuda" ? visibleGpu(parent, place.localRank) : ""),
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
  return gpuEnv(parent, device === "auto" || device === "cuda" ? parent.CUDA_VISIBLE_DEVICES : "");
}

function gpuEnv(parent: NodeJS.ProcessEnv, visible: string | undefined): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...parent,
    // Numbers GPUs as nvidia-smi does, not fastest first.
    CUDA_DEVICE_ORDER: "PCI_BUS_ID",
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    // Errors only: TensorFlow reports its start-up at length.
    TF_CPP_MIN_LOG_LEVEL: parent.TF_CPP_MIN_LOG_LEVEL ?? "2",
  };
  if (visible !== undefined) env.CUDA_VISIBLE_DEVICES = visible;
  return env;
}

function visibleGpu(parent: NodeJS.ProcessEnv, index: number): string {
  const list = parent.CUDA_VISIBLE_DEVICES;
  if (list === undefined) return String(index);
  return list.split(",")[index]?.trim() ?? "";
}
