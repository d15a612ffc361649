// Chooses the engine for a run: the best one that really works here, and why each better one was passed over.
// Runs in a throw-away process, since a native library may take its process down.
import { messageOf, UsageError } from "../core/errors.js";
import type { Device } from "../core/options/table.js";
import type { EngineChoice } from "../core/protocol.js";
import { ENGINE_FACTS, type EngineName } from "./engines.js";
import type { EngineFacts } from "./facts.js";
import { loadByFacts, type Require } from "./load.js";

/**
 * Resolves `device` to an engine. `auto` takes the best that loads; one that needs GPUs wants one for every worker.
 * @param workers number of workers asked for, or null for one per GPU
 * @throws UsageError when an engine asked for by name cannot be had.
 */
export function chooseEngine(
  device: Device,
  workers: number | null,
  gpus: number,
  require?: Require,
): Promise<EngineChoice> {
  return chooseAmong<EngineName>(ENGINE_FACTS, device, workers, gpus, require);
}

/** {@link chooseEngine} among any engines, best first. */
export async function chooseAmong<Name extends string>(
  engines: readonly EngineFacts<Name>[],
  device: Name | "auto",
  workers: number | null,
  gpus: number,
  require?: Require,
): Promise<EngineChoice<Name>> {
  const candidates = device === "auto" ? engines : engines.filter(({ name }) => name === device);
  const skipped: { engine: Name; reason: string }[] = [];
  for (const facts of candidates) {
    try {
      if (facts.gpu !== null) requireGpus(facts.gpu, gpus, workers);
      const { description } = await loadByFacts(facts, require);
      return { engine: facts.name, description, skipped };
    } catch (error) {
      skipped.push({ engine: facts.name, reason: messageOf(error) });
    }
  }
  throw new UsageError(
    `--device ${device}: ${skipped[0].reason}; use --device auto to train on what there is`,
  );
}

/** Null workers want one GPU each of those there are: at least one. */
function requireGpus(kind: string, gpus: number, workers: number | null): void {
  if (gpus >= (workers ?? 1)) return;
  const found = gpus === 0 ? `no ${kind}` : `only ${gpus} ${kind}${gpus === 1 ? "" : "s"}`;
  const wanted = workers === null ? "" : ` for ${workers} worker${workers === 1 ? "" : "s"}`;
  throw new Error(`${found} found on this machine${wanted}`);
}
