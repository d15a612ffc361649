// The kernels' module (AssemblyScript, compiled by scripts/build.js to dist/engine/kernels.wasm). It works on the
// memory of the tfjs wasm backend, which it imports: no runtime, no data and no stack of its own in there. Addresses
// are bytes; matrices are float32 and row-major.

export { addPatches, depthwiseGradient, patchColumns, patches } from "./convolution";
export { crossEntropy } from "./cross-entropy";
export { addBias, columnSums, reluGradient } from "./dense";
export { maxPoolGradient } from "./max-pool";
export { adam, momentum, sgd } from "./optimizers";
export { accumulate, product } from "./product";
export { allWithin, countNonZero, sparseProduct, sparseProductTransposed } from "./sparse";
export { transpose } from "./transpose";
