// What a model is: a tfjs LayersModel, or anything that names its variables.
import type { Variable } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** A model that is not a tfjs LayersModel. */
export interface Module {
  readonly parameters: Readonly<Record<string, Variable>>;
}
/** What `getModel` may return. */
export type Model = LayersModel | Module;

export type Layer = LayersModel["layers"][number];
export type LayerWeight = Layer["weights"][number];

/** True for a tfjs LayersModel (Sequential or functional). */
export function isLayersModel(model: Model): model is LayersModel {
  return Array.isArray((model as LayersModel).layers);
}

/** The layers that a layer is made of: a model's, a wrapper's, a recurrent layer's cells. Most have none. */
export function childLayers(layer: Layer): readonly Layer[] {
  const { layers, layer: wrapped, forwardLayer, backwardLayer, cell, cells } = layer as unknown as Children;
  // A wrapper in both directions has the one it was given as well, which is not computed with.
  if (forwardLayer && backwardLayer) return [forwardLayer, backwardLayer];
  return [...(layers ?? []), ...(cells ?? []), ...[wrapped, cell].filter((child) => child !== undefined)];
}

/** Fields of tfjs's containers, wrappers and recurrent layers. */
interface Children {
  readonly layers?: readonly Layer[];
  readonly cells?: readonly Layer[];
  readonly layer?: Layer;
  readonly forwardLayer?: Layer;
  readonly backwardLayer?: Layer;
  readonly cell?: Layer;
}

/** A layer and all layers inside it, each once, outer ones first. */
export function allLayers(layer: Layer): Layer[] {
  const found = new Set<Layer>();
  const visit = (each: Layer) => {
    if (found.has(each)) return;
    found.add(each);
    childLayers(each).forEach(visit);
  };
  visit(layer);
  return [...found];
}

/** A layer weight's variable: it has no public way to it. */
export function variableOf(weight: LayerWeight): Variable {
  return (weight as unknown as { readonly val: Variable }).val;
}
