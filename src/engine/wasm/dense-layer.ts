// tfjs-layers' Dense as one operation forward and two or three backward, where tfjs records ten: product, bias and
// relu together, and no gradient for an input or a weight that does not want one.
import type { Tensor, TensorInfo } from "@tensorflow/tfjs-core";
import { tf } from "../tf.js";
import { currentKernels, type Kernels } from "./kernels.js";
import { multiply } from "./products.js";

const FORWARD = "DdpDense";
const BACKWARD = "DdpDenseBackward";

interface DenseLayer {
  readonly activation: { getClassName(): string };
  readonly kernel: { read(): Tensor };
  readonly bias: { read(): Tensor } | null;
  call(inputs: Tensor | Tensor[], kwargs: unknown): Tensor | Tensor[];
  invokeCallHook(inputs: Tensor | Tensor[], kwargs: unknown): void;
}

type Inputs = Readonly<Record<string, TensorInfo>>;

/** Registers the operations, and lets Dense layers use them wherever kernels are switched on. */
export function installDenseLayer(kernels: Kernels): void {
  tf.registerKernel({
    kernelName: FORWARD,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => forward(kernels, inputs as Inputs, attrs?.relu === true),
  });
  tf.registerKernel({
    kernelName: BACKWARD,
    backendName: "wasm",
    kernelFunc: ({ inputs, attrs }) => backward(kernels, inputs as Inputs, attrs?.relu === true),
  });
  tf.registerGradient({ kernelName: FORWARD, inputsToSave: ["x", "w"], outputsToSave: [true], gradFunc });
  const { prototype } = tf.serialization.SerializationMap.getMap().classNameMap.Dense[0] as unknown as {
    prototype: DenseLayer;
  };
  const stock = prototype.call;
  prototype.call = function (this: DenseLayer, inputs, kwargs) {
    return callFused(this, inputs, kwargs) ?? stock.call(this, inputs, kwargs);
  };
}

/** Null where the stock layer must do it: other activations, ranks and types, gradients of gradients. */
function callFused(layer: DenseLayer, inputs: Tensor | Tensor[], kwargs: unknown): Tensor | null {
  const x = Array.isArray(inputs) ? inputs[0] : inputs;
  const activation = layer.activation.getClassName();
  const relu = activation === "relu";
  if (!currentKernels() || (!relu && activation !== "linear")) return null;
  if (x.rank !== 2 || x.dtype !== "float32" || gradientDepth() > 1) return null;
  layer.invokeCallHook(inputs, kwargs);
  const w = layer.kernel.read();
  const bias = layer.bias?.read();
  return tf.engine().runKernel(FORWARD, bias ? { x, w, bias } : { x, w }, { relu }) as Tensor;
}

function gradientDepth(): number {
  return (tf.engine() as unknown as { state: { gradientDepth: number } }).state.gradientDepth;
}

function forward(kernels: Kernels, { x, w, bias }: Inputs, relu: boolean): TensorInfo {
  const [m, k] = x.shape;
  const [, n] = w.shape;
  const y = kernels.output([m, n]);
  const at = kernels.address(y);
  multiply(kernels, at, kernels.address(x), kernels.address(w), m, n, k, false, false);
  if (bias || relu) kernels.run.addBias(at, bias ? kernels.address(bias) : 0, m, n, relu);
  return y;
}

function gradFunc(dy: Tensor | Tensor[], saved: Tensor[], attrs: object): Record<string, () => Tensor> {
  const [x, w, y] = saved;
  const engine = tf.engine();
  const [dz, sums] = engine.runKernel(BACKWARD, { dy: dy as Tensor, y }, { ...attrs }) as Tensor[];
  return {
    x: () =>
      engine.runKernel("BatchMatMul", { a: dz, b: w }, { transposeA: false, transposeB: true }) as Tensor,
    w: () =>
      engine.runKernel("BatchMatMul", { a: x, b: dz }, { transposeA: true, transposeB: false }) as Tensor,
    bias: () => sums,
  };
}

/** dz, the gradient before the activation, and its sum over the batch, which is the bias's gradient. */
function backward(kernels: Kernels, { dy, y }: Inputs, relu: boolean): TensorInfo[] {
  const [m, n] = dy.shape;
  const dz = kernels.output([m, n]);
  const sums = kernels.output([n]);
  const at = kernels.address(dz);
  const { run } = kernels;
  if (relu) run.reluGradient(at, kernels.address(dy), kernels.address(y), m * n);
  else kernels.floats(at, m * n).set(kernels.floats(kernels.address(dy), m * n));
  run.columnSums(kernels.address(sums), at, m, n);
  return [dz, sums];
}
