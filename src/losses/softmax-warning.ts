// A model that ends in the activation which its loss applies as well: it trains, only badly, and nothing else says so.
import type { Criterion } from "../core/criterion.js";
import { isLayersModel, type Layer, type Model } from "../core/model.js";
import type { Activation, Loss } from "./loss.js";

/**
 * A line for the person watching when the model's last layer is the softmax (or sigmoid) that the criterion, one of this
 * project's losses, applies to its outputs; null otherwise, also where there are several outputs.
 */
export function warnsOfSoftmax(model: Model, criterion: Criterion): string | null {
  const { applies = null } = criterion as Partial<Loss>;
  if (applies === null || !isLayersModel(model)) return null;
  const last = lastLayer(model);
  if (last === null || !endsIn(last, applies)) return null;
  const loss = applies === "softmax" ? "cross entropy" : "binaryCrossEntropy with fromLogits: true";
  const remedy =
    applies === "softmax" ? "let the layer be linear" : "let the layer be linear, or say fromLogits: false";
  return `layer "${last.name}" ends the model in a ${applies}, and ${loss} applies one itself: ${remedy}`;
}

/** The layer that gives the one output, within nested models and wrappers as well. */
function lastLayer(layer: Layer): Layer | null {
  const { outputLayers = [], layers, layer: wrapped } = layer as unknown as Children;
  if (wrapped) return lastLayer(wrapped);
  if (!layers) return layer;
  // A Sequential names no output layers until it is built.
  const ends = outputLayers.length > 0 ? outputLayers : layers.slice(-1);
  return ends.length === 1 ? lastLayer(ends[0]) : null;
}

function endsIn(layer: Layer, activation: Activation): boolean {
  if (layer.getClassName() === "Softmax") return activation === "softmax";
  const { activation: own } = layer as unknown as Children;
  return own?.getClassName() === activation;
}

/** Fields of tfjs's models and layers. */
interface Children {
  readonly outputLayers?: readonly Layer[];
  readonly layers?: readonly Layer[];
  readonly layer?: Layer;
  readonly activation?: { getClassName(): string };
}
