// tfjs core and layers as one namespace, like the package @tensorflow/tfjs but without the browser's backends and
// the model converter, which would double a worker's start-up time. It is the same tfjs: recipes that import
// @tensorflow/tfjs themselves share its tensors.
export * from "@tensorflow/tfjs-core";
export * from "@tensorflow/tfjs-layers";
