// tfjs-node-gpu on the one GPU that this process sees.
import type { LoadEngine } from "../engine.js";
import { startNative } from "../native/package.js";
import { portableEngine } from "../portable.js";
import { tf } from "../tf.js";

/** Starts the package's backend. @throws Error also where it would compute on the CPU. */
export const load: LoadEngine = async (require) => {
  const version = await startNative(require);
  // Without a usable GPU the package computes on the CPU and says nothing.
  const { isUsingGpuDevice } = tf.backend() as unknown as { readonly isUsingGpuDevice?: boolean };
  if (isUsingGpuDevice !== true) throw new Error("it found no GPU that it can use");
  return portableEngine(`cuda (tfjs-node-gpu ${version})`);
};
