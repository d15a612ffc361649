// Loads one compute engine and makes it tfjs's backend.
import { createRequire } from "node:module";
import { setCurrentEngine } from "./current.js";
import type { Engine, LoadEngine, Require } from "./engine.js";
import { type EngineName, factsOf } from "./engines.js";
import type { EngineFacts } from "./facts.js";

export type { Require } from "./engine.js";

/**
 * Loads an engine by name.
 * @throws Error whose message is the one-line reason why this engine cannot be had.
 */
export function loadEngine(name: EngineName, require?: Require): Promise<Engine> {
  return loadByFacts(factsOf(name), require);
}

/** {@link loadEngine} of any engine, also of one that is not in the list. */
export async function loadByFacts(
  { code }: EngineFacts,
  require: Require = createRequire(import.meta.url),
): Promise<Engine> {
  const { load } = (await import(code.href)) as { load: LoadEngine };
  const engine = await load(require);
  setCurrentEngine(engine);
  return engine;
}
