/// <reference types="@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js" preserve="true" />
// Makes tfjs ops methods of tensors (`x.div(255).reshape([-1])`), as the package @tensorflow/tfjs does and as every
// tfjs tutorial writes. That package would cost each worker another 0.15 s at its start.
import * as core from "@tensorflow/tfjs-core";

type Op = (...args: unknown[]) => unknown;

/** Methods whose op takes the tensor as its first argument. */
const PLAIN =
  `abs acos acosh add all any argMax argMin asin asinh atan atan2 atanh avgPool batchNorm batchToSpaceND
  broadcastTo cast ceil clipByValue conv1d conv2d conv2dTranspose cos cosh cumprod cumsum depthToSpace depthwiseConv2d
  dilation2d div divNoNan dot elu equal erf euclideanNorm exp expandDims expm1 fft flatten floor floorDiv gather greater
  greaterEqual ifft irfft isFinite isInf isNaN leakyRelu less lessEqual localResponseNormalization log log1p logicalAnd
  logicalNot logicalOr logicalXor logSigmoid logSoftmax logSumExp matMul max maximum maxPool mean min minimum mirrorPad
  mod mul neg norm notEqual oneHot onesLike pad pool pow prelu prod reciprocal relu relu6 reshape reverse rfft round
  rsqrt selu separableConv2d sigmoid sign sin sinh slice softmax softplus spaceToBatchND split sqrt square
  squaredDifference squeeze step stridedSlice sub sum tan tanh tile topk transpose unique unsortedSegmentSum unstack
  zerosLike`.split(/\s+/);

/** Methods that take it otherwise. */
const SPECIAL: Readonly<Record<string, (this: core.Tensor, ...args: never[]) => unknown>> = {
  as1D() {
    return core.reshape(this, [this.size]);
  },
  as2D(...shape: [number, number]) {
    return core.reshape(this, shape);
  },
  as3D(...shape: [number, number, number]) {
    return core.reshape(this, shape);
  },
  as4D(...shape: [number, number, number, number]) {
    return core.reshape(this, shape);
  },
  asScalar() {
    return core.reshape(this, []);
  },
  asType(dtype: core.DataType) {
    return core.cast(this, dtype);
  },
  concat(others: core.Tensor | core.Tensor[], axis?: number) {
    return core.concat([this, ...[others].flat()], axis);
  },
  flatten() {
    return core.reshape(this, [this.size]);
  },
  reshapeAs(other: core.Tensor) {
    return core.reshape(this, other.shape);
  },
  stack(others: core.Tensor | core.Tensor[], axis?: number) {
    return core.stack([this, ...[others].flat()], axis);
  },
  toBool() {
    return core.cast(this, "bool");
  },
  toFloat() {
    return core.cast(this, "float32");
  },
  toInt() {
    return core.cast(this, "int32");
  },
  where(condition: core.TensorLike | core.Tensor, other: core.Tensor) {
    return core.where(condition as core.Tensor, this, other);
  },
};

const ops = { ...core, ...core.spectral, ...core.image } as unknown as Readonly<
  Record<string, Op | undefined>
>;
const prototype = core.Tensor.prototype as unknown as Record<string, unknown>;

for (const name of PLAIN) {
  const op = ops[name];
  if (!op) continue;
  prototype[name] ??= function (this: core.Tensor, ...args: unknown[]) {
    return op(this, ...args);
  };
}
for (const [name, method] of Object.entries(SPECIAL)) prototype[name] ??= method;
