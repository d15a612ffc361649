// The CPU of tfjs-node-gpu.
import type { LoadEngine } from "../engine.js";
import { portableEngine } from "../portable.js";
import { startNative } from "./package.js";

/** Starts the package's backend, on whatever its environment shows it. */
export const load: LoadEngine = async (require) =>
  portableEngine(`native (the CPU of tfjs-node-gpu ${await startNative(require)})`);
