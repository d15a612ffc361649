// The CPU of tfjs-node-gpu: the same package as for GPUs, shown none.
import type { EngineFacts } from "../facts.js";
import { withoutNvidia } from "../nvidia.js";

/** The package of the engines native and cuda. */
export const NATIVE_PACKAGE = "@tensorflow/tfjs-node-gpu";

/** What it means when that package takes its process down. */
export const PACKAGE_DEATHS = {
  SIGBUS: `a library of ${NATIVE_PACKAGE} is damaged or cut off (run: npm rebuild ${NATIVE_PACKAGE})`,
  SIGILL: `${NATIVE_PACKAGE} wants instructions that this machine's processor lacks (use --device wasm)`,
} as const;

export const native = {
  name: "native",
  code: new URL("./engine.js", import.meta.url),
  gpu: null,
  firstStepSeconds: null,
  deaths: PACKAGE_DEATHS,
  env: withoutNvidia,
} as const satisfies EngineFacts;
