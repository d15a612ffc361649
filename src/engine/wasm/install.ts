// Puts this project's kernels in the place of the wasm backend's own; those stay as the fallback, and for everything
// when the environment says DDP_STOCK_KERNELS=1.
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { messageOf } from "../../core/errors.js";
import { tf } from "../tf.js";
import {
  type Attributes,
  conv2d,
  conv2dBackpropFilter,
  conv2dBackpropInput,
  conv2dInfo,
  depthwiseBackprop,
  type Inputs,
} from "./convolution.js";
import { conv3dBackpropFilter, conv3dBackpropInput } from "./convolution-3d.js";
import { currentKernels, Kernels, setKernels, type WasmBackend } from "./kernels.js";
import { installLayers } from "./layers.js";
import { maxPoolGrad, unsortedSegmentSum } from "./pooling.js";
import { matMul } from "./products.js";

/** Computes, or gives null for what the stock kernel must do. */
type Compute = (kernels: Kernels, inputs: Inputs, attrs: Attributes) => TensorInfo | null;

const KERNELS: Readonly<Record<string, Compute>> = {
  BatchMatMul: matMul,
  _FusedMatMul: matMul,
  Conv2D: plainConv2d,
  FusedConv2D: plainConv2d,
  Conv2DBackpropFilter: conv2dBackpropFilter,
  Conv2DBackpropInput: conv2dBackpropInput,
  Conv3DBackpropFilterV2: conv3dBackpropFilter,
  Conv3DBackpropInputV2: conv3dBackpropInput,
  DepthwiseConv2dNativeBackpropFilter: depthwiseBackprop,
  DepthwiseConv2dNativeBackpropInput: depthwiseBackprop,
  MaxPoolGrad: maxPoolGrad,
  UnsortedSegmentSum: unsortedSegmentSum,
};

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
  for (const [name, compute] of Object.entries(KERNELS)) install(name, compute, kernels);
  installLayers(kernels);
  return "own kernels";
}

function install(kernelName: string, compute: Compute, kernels: Kernels): void {
  const stock = tf.getKernel(kernelName, "wasm");
  if (stock) tf.unregisterKernel(kernelName, "wasm");
  tf.registerKernel({
    ...stock,
    kernelName,
    backendName: "wasm",
    kernelFunc: (call) => {
      const own = kernels.enabled || !stock;
      const result = own && compute(kernels, call.inputs as Inputs, call.attrs as unknown as Attributes);
      if (result) return result;
      if (!stock) throw new Error(`the wasm engine has no ${kernelName} for these tensors`);
      return stock.kernelFunc(call);
    },
  });
}

function plainConv2d(kernels: Kernels, inputs: Inputs, attrs: Attributes): TensorInfo | null {
  const { x, filter, bias, preluActivationWeights } = inputs;
  const { activation = "linear", dataFormat = "NHWC" } = attrs;
  if (x.dtype !== "float32" || filter.dtype !== "float32" || preluActivationWeights) return null;
  if (dataFormat !== "NHWC" || (activation !== "linear" && activation !== "relu")) return null;
  const info = conv2dInfo(x.shape, filter.shape, attrs);
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== info.outChannels)) return null;
  return conv2d(kernels, inputs, info, activation === "relu");
}
