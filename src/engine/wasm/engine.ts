// WebAssembly: tfjs's wasm backend with this project's SIMD kernels in its memory.
import type { Tensor } from "@tensorflow/tfjs-core";
import { startBackend } from "../backend.js";
import type { Engine, LoadEngine } from "../engine.js";
import { applyByTfjs, readJoined } from "../portable.js";
import { fusedCrossEntropy } from "./cross-entropy.js";
import { installKernels } from "./install.js";
import { currentKernels, type Kernels } from "./kernels.js";
import { stepInPlace } from "./optimizers.js";

/** Starts the backend and installs the kernels. */
export const load: LoadEngine = async () => {
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  await withoutNewErrorListeners(() => startBackend("wasm"));
  return {
    description: `wasm (tfjs ${wasm.version_wasm}, ${installKernels()}, one core per worker)`,
    // Kernels can be switched off: then tfjs does it all.
    read: (tensors, sizes, target) => {
      const kernels = currentKernels();
      return kernels ? copyOut(kernels, tensors, sizes, target) : readJoined(tensors, sizes, target);
    },
    areWithin: (tensors, largest) => {
      const kernels = currentKernels();
      if (!kernels) return null;
      const { run } = kernels;
      return tensors.every(
        (tensor) => !tensor || run.allWithin(kernels.address(tensor), tensor.size, largest),
      );
    },
    applyGradients: (optimizer, gradients) => {
      const kernels = currentKernels();
      if (!kernels || !stepInPlace(kernels, optimizer, gradients)) applyByTfjs(optimizer, gradients);
    },
    crossEntropy: (logits, targets) => {
      const kernels = currentKernels();
      return kernels && fusedCrossEntropy(kernels, logits, targets);
    },
  } satisfies Engine;
};

/** One copy straight out of the backend's memory. */
function copyOut(
  kernels: Kernels,
  tensors: readonly (Tensor | null | undefined)[],
  sizes: readonly number[],
  target: Float32Array,
): undefined {
  let offset = 0;
  for (let i = 0; i < sizes.length; i++) {
    const tensor = tensors[i];
    if (tensor) target.set(kernels.floats(kernels.address(tensor), sizes[i]), offset);
    else target.fill(0, offset, offset + sizes[i]);
    offset += sizes[i];
  }
}

/** The wasm backend's start adds process-wide error listeners that rethrow (exit code 7): takes them off again. */
async function withoutNewErrorListeners(action: () => Promise<void>): Promise<void> {
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => new Set<unknown>(process.listeners(event as "uncaughtException")));
  await action();
  events.forEach((event, i) => {
    for (const listener of process.listeners(event as "uncaughtException")) {
      if (!before[i].has(listener)) process.removeListener(event, listener);
    }
  });
}
