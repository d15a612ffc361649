// The engines that there are. A new one is a folder with its facts.ts and engine.ts, and a line here.
import { cpu } from "./cpu/facts.js";
import { cuda } from "./cuda/facts.js";
import type { EngineFacts } from "./facts.js";
import { native } from "./native/facts.js";
import { wasm } from "./wasm/facts.js";

/** All engines, best first. */
export const ENGINE_FACTS = [cuda, native, wasm, cpu] as const;

/** A compute engine: tfjs-node-gpu on a GPU, the same package's CPU, WebAssembly, plain JavaScript. */
export type EngineName = (typeof ENGINE_FACTS)[number]["name"];

/** The facts of one engine. @throws Error for a name that is none's. */
export function factsOf(name: EngineName): EngineFacts<EngineName> {
  const found = ENGINE_FACTS.find((facts) => facts.name === name);
  if (!found) throw new Error(`no engine is named "${name}"`);
  return found;
}
