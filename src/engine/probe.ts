// Chooses the engine for a run: the best one that really works here, and why each better one was passed over.
// Runs in a throw-away process, since a native library may take its process down.
import { messageOf, UsageError } from "../core/errors.js";
import { type Device, ENGINES, type EngineName } from "../core/options/table.js";
import type { EngineChoice } from "../core/protocol.js";
import { loadEngine, type Require } from "./load.js";

/**
 * Resolves `device` to an engine. `auto` takes the best that loads, and `cuda` only with a GPU for every worker.
 * @param workers number of workers asked for, or null for one per GPU
 * @throws UsageError when an engine asked for by name cannot be had.
 */
export async function chooseEngine(
  device: Device,
  workers: number | null,
  gpus: number,
  require?: Require,
): Promise<EngineChoice> {
  const candidates = device === "auto" ? ENGINES : [device];
  const skipped: { engine: EngineName; reason: string }[] = [];
  for (const engine of candidates) {
    try {
      if (engine === "cuda") requireGpus(gpus, workers);
      return { engine, description: await loadEngine(engine, require), skipped };
    } catch (error) {
      skipped.push({ engine, reason: messageOf(error) });
    }
  }
  throw new UsageError(
    `--device ${device}: ${skipped[0].reason}; use --device auto to train on what there is`,
  );
}

/** Null workers want one GPU each of those there are: at least one. */
function requireGpus(gpus: number, workers: number | null): void {
  if (gpus >= (workers ?? 1)) return;
  const found = gpus === 0 ? "no NVIDIA GPU" : gpus === 1 ? "only 1 NVIDIA GPU" : `only ${gpus} NVIDIA GPUs`;
  const wanted = workers === null ? "" : ` for ${workers} worker${workers === 1 ? "" : "s"}`;
  throw new Error(`${found} found on this machine${wanted}`);
}
