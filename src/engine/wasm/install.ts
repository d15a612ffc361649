// Puts this project's kernels in the place of the wasm backend's own; those stay as the fallback, and for everything
// when the environment says DDP_STOCK_KERNELS=1.
import { messageOf } from "../../core/errors.js";
import { tf } from "../tf.js";
import { installDenseLayer } from "./dense-layer.js";
import { currentKernels, Kernels, setKernels, type WasmBackend } from "./kernels.js";
import { matMul } from "./products.js";

/** Installs the kernels once a process; returns a word on which are in use. The wasm backend must be set up. */
export function installKernels(env: NodeJS.ProcessEnv = process.env): string {
  if (env.DDP_STOCK_KERNELS === "1") return "stock kernels";
  if (currentKernels()) return "own kernels";
  let kernels: Kernels;
  try {
    kernels = new Kernels(tf.backend() as unknown as WasmBackend);
  } catch (error) {
    return `stock kernels: ${messageOf(error)}`;
  }
  setKernels(kernels);
  for (const name of ["BatchMatMul", "_FusedMatMul"]) replaceMatMul(name, kernels);
  installDenseLayer(kernels);
  return "own kernels";
}

function replaceMatMul(kernelName: string, kernels: Kernels): void {
  const stock = tf.getKernel(kernelName, "wasm");
  tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({
    ...stock,
    kernelFunc: (call) => (kernels.enabled && matMul(kernels, call as never)) || stock.kernelFunc(call),
  });
}
