// WebAssembly with SIMD, one core a worker.
import type { EngineFacts } from "../facts.js";
import { withoutNvidia } from "../nvidia.js";

export const wasm = {
  name: "wasm",
  code: new URL("./engine.js", import.meta.url),
  gpu: null,
  firstStepSeconds: null,
  deaths: {},
  env: withoutNvidia,
} as const satisfies EngineFacts;
