// Plain JavaScript: slow, and the judge of the other engines.
import type { EngineFacts } from "../facts.js";
import { withoutNvidia } from "../nvidia.js";

export const cpu = {
  name: "cpu",
  code: new URL("./engine.js", import.meta.url),
  gpu: null,
  firstStepSeconds: null,
  deaths: {},
  env: withoutNvidia,
} as const satisfies EngineFacts;
