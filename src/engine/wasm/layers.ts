// tfjs-layers' Dense and Conv2D as one operation forward and two or three backward, where tfjs records ten: product,
// bias and relu together, and no gradient for an input or a weight that does not want one.
import type { Tensor, TensorInfo } from "@tensorflow/tfjs-core";
import { tf } from "../tf.js";
import { type Attributes, conv2d, conv2dInfo, type Inputs } from "./convolution.js";
import { currentKernels, type Kernels } from "./kernels.js";
import { multiply } from "./products.js";

const DENSE = "DdpDense";
const CONV2D = "DdpConv2D";
const ACTIVATION_GRADIENT = "DdpActivationGradient";

/** What of a tfjs layer is used here; some of it is protected. */
interface StockLayer {
  readonly activation: { getClassName(): string } | null;
  readonly kernel: { read(): Tensor };
  readonly bias: { read(): Tensor } | null;
  readonly dataFormat?: string;
  readonly strides: number[];
  readonly padding: string;
  readonly dilationRate: number[];
  call(inputs: Tensor | Tensor[], kwargs: unknown): Tensor | Tensor[];
  invokeCallHook(inputs: Tensor | Tensor[], kwargs: unknown): void;
}

/** Registers the operations, and lets the layers use them wherever kernels are switched on. */
export function installLayers(kernels: Kernels): void {
  const register = (
    kernelName: string,
    run: (inputs: Inputs, attrs: Attributes) => TensorInfo | TensorInfo[],
  ) =>
    tf.registerKernel({
      kernelName,
      backendName: "wasm",
      kernelFunc: ({ inputs, attrs }) => run(inputs as Inputs, attrs as unknown as Attributes),
    });
  register(DENSE, (inputs, attrs) => dense(kernels, inputs, attrs));
  register(CONV2D, (inputs, attrs) => {
    const info = conv2dInfo(inputs.x.shape, inputs.filter.shape, attrs);
    return conv2d(kernels, inputs, info, attrs.relu === true);
  });
  register(ACTIVATION_GRADIENT, (inputs) => activationGradient(kernels, inputs));
  const saved = { inputsToSave: ["x", "filter"], outputsToSave: [true] };
  tf.registerGradient({ kernelName: DENSE, ...saved, gradFunc: denseGradient });
  tf.registerGradient({ kernelName: CONV2D, ...saved, gradFunc: conv2dGradient });
  replaceCall("Dense", callDense);
  replaceCall("Conv2D", callConv2d);
}

/** Puts `call`, which gives null for what it does not do, before that of a tfjs layer. */
function replaceCall(
  className: string,
  call: (layer: StockLayer, x: Tensor, relu: boolean) => Tensor | null,
): void {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  const { prototype } = classNameMap[className][0] as unknown as { prototype: StockLayer };
  const stock = prototype.call;
  prototype.call = function (this: StockLayer, inputs, kwargs) {
    const x = Array.isArray(inputs) ? inputs[0] : inputs;
    const activation = this.activation?.getClassName() ?? "linear";
    const relu = activation === "relu";
    // A gradient of a gradient wants operations that can be differentiated twice.
    const covered = currentKernels() && (relu || activation === "linear") && gradientDepth() <= 1;
    const y = covered && x.dtype === "float32" ? call(this, x, relu) : null;
    if (!y) return stock.call(this, inputs, kwargs);
    this.invokeCallHook(inputs, kwargs);
    return y;
  };
}

function callDense(layer: StockLayer, x: Tensor, relu: boolean): Tensor | null {
  return x.rank === 2 ? run(DENSE, weighted(layer, x), { relu }) : null;
}

function callConv2d(layer: StockLayer, x: Tensor, relu: boolean): Tensor | null {
  const { strides, dilationRate: dilations, padding: pad, dataFormat = "channelsLast" } = layer;
  if (x.rank !== 4 || dataFormat !== "channelsLast") return null;
  return run(CONV2D, weighted(layer, x), { relu, strides, pad, dilations });
}

function weighted(layer: StockLayer, x: Tensor): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = { x, filter: layer.kernel.read() };
  if (layer.bias) inputs.bias = layer.bias.read();
  return inputs;
}

function gradientDepth(): number {
  return (tf.engine() as unknown as { state: { gradientDepth: number } }).state.gradientDepth;
}

function run(kernelName: string, inputs: Record<string, Tensor>, attrs: object): Tensor {
  return tf.engine().runKernel(kernelName, inputs, { ...attrs }) as Tensor;
}

function dense(kernels: Kernels, { x, filter, bias }: Inputs, { relu }: Attributes): TensorInfo {
  const [m, k] = x.shape;
  const [, n] = filter.shape;
  const y = kernels.output([m, n]);
  const at = kernels.address(y);
  multiply(kernels, at, kernels.address(x), kernels.address(filter), m, n, k, false, false);
  if (bias || relu) kernels.run.addBias(at, bias ? kernels.address(bias) : 0, m, n, relu === true);
  return y;
}

type Gradients = Record<string, () => Tensor>;

function denseGradient(dy: Tensor | Tensor[], [x, filter, y]: Tensor[], attrs: object): Gradients {
  const { dz, sums } = beforeActivation(dy as Tensor, y, attrs as Attributes);
  return {
    x: () => run("BatchMatMul", { a: dz, b: filter }, { transposeA: false, transposeB: true }),
    filter: () => run("BatchMatMul", { a: x, b: dz }, { transposeA: true, transposeB: false }),
    bias: () => sums,
  };
}

function conv2dGradient(dy: Tensor | Tensor[], [x, filter, y]: Tensor[], attrs: object): Gradients {
  const { dz, sums } = beforeActivation(dy as Tensor, y, attrs as Attributes);
  return {
    x: () => run("Conv2DBackpropInput", { dy: dz, filter }, { ...attrs, inputShape: x.shape }),
    filter: () => run("Conv2DBackpropFilter", { x, dy: dz }, { ...attrs, filterShape: filter.shape }),
    bias: () => sums,
  };
}

/** The gradient before the activation, and its sum over all but the last axis, which is the bias's gradient. */
function beforeActivation(dy: Tensor, y: Tensor, { relu }: Attributes): { dz: Tensor; sums: Tensor } {
  const inputs = relu ? { dy, y } : { dy };
  const [sums, dz = dy] = tf.engine().runKernel(ACTIVATION_GRADIENT, inputs) as Tensor[];
  return { dz, sums };
}

/** The sums, and with `y` given (relu's output) the masked gradient. */
function activationGradient(kernels: Kernels, { dy, y }: Inputs): TensorInfo[] {
  const { run } = kernels;
  const n = dy.shape[dy.shape.length - 1];
  const size = tf.util.sizeFromShape(dy.shape);
  const sums = kernels.output([n]);
  if (!y) {
    run.columnSums(kernels.address(sums), kernels.address(dy), size / n, n);
    return [sums];
  }
  const dz = kernels.output(dy.shape);
  run.reluGradient(kernels.address(dz), kernels.address(dy), kernels.address(y), size);
  run.columnSums(kernels.address(sums), kernels.address(dz), size / n, n);
  return [sums, dz];
}
