// Plain JavaScript: the engine that cannot fail.
import type { Tensor } from "@tensorflow/tfjs-core";
import { startBackend } from "../backend.js";
import type { Engine, LoadEngine } from "../engine.js";
import { portableEngine } from "../portable.js";
import { tf } from "../tf.js";

/** Starts tfjs's cpu backend. */
export const load: LoadEngine = async () => {
  const cpu = await import("@tensorflow/tfjs-backend-cpu");
  await startBackend("cpu");
  // Keeps tfjs from printing, in every worker, that another package would be faster: the run has said so itself.
  (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  const engine = portableEngine(`cpu (tfjs ${cpu.version_cpu}, plain JavaScript: slow)`);
  return { ...engine, read } satisfies Engine;
};

/** The backend's tensors are arrays on the host already. */
function read(
  tensors: readonly (Tensor | null | undefined)[],
  sizes: readonly number[],
  target: Float32Array,
): undefined {
  let offset = 0;
  for (let i = 0; i < sizes.length; i++) {
    const tensor = tensors[i];
    if (tensor) target.set(tensor.dataSync(), offset);
    else target.fill(0, offset, offset + sizes[i]);
    offset += sizes[i];
  }
}
