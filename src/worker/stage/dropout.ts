// A dropout layer with a seed draws one mask for ever in tfjs, the same at every batch and on every rank. Here its seed
// goes into each draw, beside the run's random numbers: masks differ, and repeat with the run.
import { allLayers, isLayersModel, type Layer, type Model } from "../../core/model.js";

type Seeded = Layer & { seed: number };

const wrapped = new WeakSet<Layer>();

/** Lets the model's seeded dropout layers draw a new mask each time. */
export function varyDropout(model: Model): void {
  if (!isLayersModel(model)) return;
  for (const layer of allLayers(model)) {
    if (/Dropout/.test(layer.getClassName()) && typeof (layer as Seeded).seed === "number")
      wrap(layer as Seeded);
  }
}

function wrap(layer: Seeded): void {
  if (wrapped.has(layer)) return;
  wrapped.add(layer);
  const { seed } = layer;
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => {
    layer.seed = seed + Math.random();
    return call(inputs, kwargs);
  };
}
