// A frozen batch normalisation computes as in inference: with its moving averages, which stay as they are. tfjs, as
// torch, would go on normalising by the batch and moving the averages, so that a frozen encoder drifts.
import { allLayers, isLayersModel, type Layer, type Model, variableOf } from "../../core/model.js";
import type { Parameter } from "../../core/parameters.js";

const frozen = new WeakSet<Layer>();
const wrapped = new WeakSet<Layer>();

/**
 * Makes the model's batch normalisation layers compute as their weights say: those without a weight that trains as in
 * inference. With `freeze` false all compute as tfjs has them.
 */
export function freezeBatchNorm(model: Model, parameters: readonly Parameter[], freeze: boolean): void {
  if (!isLayersModel(model)) return;
  const training = new Set(parameters.filter(({ trainable }) => trainable).map(({ variable }) => variable));
  for (const layer of allLayers(model)) {
    if (layer.getClassName() !== "BatchNormalization") continue;
    const isTrained =
      layer.weights.some((weight) => training.has(variableOf(weight))) ||
      (layer.trainable && !hasScale(layer));
    if (isTrained || !freeze) frozen.delete(layer);
    else frozen.add(layer);
    wrap(layer);
  }
}

/** Without gamma and beta nothing of it can train; its own switch tells. */
function hasScale(layer: Layer): boolean {
  return layer.weights.some(({ originalName }) => /(gamma|beta)$/.test(originalName));
}

function wrap(layer: Layer): void {
  if (wrapped.has(layer)) return;
  wrapped.add(layer);
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => call(inputs, frozen.has(layer) ? { ...kwargs, training: false } : kwargs);
}
