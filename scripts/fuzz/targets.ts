// All that is fuzzed.
import { checkpoint, metricsFile } from "./checkpoint.js";
import { configFile } from "./config.js";
import { idx } from "./idx.js";
import { messages } from "./message.js";
import { commandLine, options } from "./options.js";
import type { Target } from "./target.js";

export const targets: readonly Target[] = [
  idx,
  checkpoint,
  metricsFile,
  messages,
  options,
  commandLine,
  configFile,
];
