// Names for a model's weights that survive a rebuild: the same model built twice in one process, or in another
// process, gives the same names in the same order. Checkpoints, messages and the weights' hash all use them.
import type { Variable } from "@tensorflow/tfjs-core";
import { isLayersModel, type Layer, type LayerWeight, type Model, variableOf } from "./model.js";

/** One weight of a model. */
export interface Parameter {
  /** Stable name such as `dense1/kernel`, or `encoder/dense1/kernel` in a model within the model. */
  readonly name: string;
  readonly variable: Variable;
  /** Whether gradients flow to it (a frozen layer's do not). */
  readonly trainable: boolean;
}

/** All weights of a model, each once, in an order which freezing does not change. */
export function namedParameters(model: Model): Parameter[] {
  if (!isLayersModel(model)) {
    return Object.entries(model.parameters).map(([name, variable]) => ({
      name,
      variable,
      trainable: variable.trainable,
    }));
  }
  const trainable = new Set(model.trainableWeights.map((weight) => weight.id));
  return namedWeights(model).map(({ name, weight }) => ({
    name,
    variable: variableOf(weight),
    trainable: trainable.has(weight.id),
  }));
}

/** A layer's weight under the name that {@link namedParameters} gives it. */
export interface NamedWeight {
  readonly name: string;
  readonly weight: LayerWeight;
}

/** All weights of a model's layers: layer by layer, within one in the order in which they were created. */
export function namedWeights(model: Layer): NamedWeight[] {
  const named: NamedWeight[] = [];
  const names = new Set<string>();
  const seen = new Set<number>();
  const visit = (layer: Layer, path: string): void => {
    const { layers = [] } = layer as unknown as { readonly layers?: readonly Layer[] };
    for (const [index, child] of layers.entries()) visit(child, `${path}${layerName(child, index)}/`);
    // tfjs lists trainable weights first, so its order changes when one is frozen; ids follow creation.
    for (const weight of [...layer.weights].sort((a, b) => a.id - b.id)) {
      if (seen.has(weight.id)) continue;
      seen.add(weight.id);
      const name = uniqueName(path + weightName(layer, weight), names);
      named.push({ name, weight });
    }
  };
  visit(model, "");
  return named;
}

/** A layer's name among its siblings; `index` is its place. */
export function layerName(layer: Layer, index: number): string {
  const { name } = layer;
  // An unnamed model is numbered too, without its class.
  const model = /^(sequential|functional|model)_?\d+$/.exec(name);
  const base = model?.[1] ?? automaticBase(name);
  return base === null ? name : `${base}_${index}`;
}

/** A weight's name within its layer; what wrappers and cells put in between stays, without automatic numbers. */
function weightName(layer: Layer, { originalName }: LayerWeight): string {
  const own = `${layer.name}/`;
  const inner = originalName.startsWith(own) ? originalName.slice(own.length) : originalName;
  return inner
    .split("/")
    .map((part) => automaticBase(part) ?? part)
    .join("/");
}

/**
 * tfjs numbers unnamed layers by how many were ever built in this process (`dense_Dense3`, `forward_lstm_LSTM1`), which
 * differs between the first and the second time the same model is built. Null for a name that somebody gave.
 */
function automaticBase(name: string): string | null {
  const [, base, className] = /^(\w+?)_([A-Z]\w*?)\d+$/.exec(name) ?? [];
  return className !== undefined && base.endsWith(snakeCase(className)) ? base : null;
}

/** As tfjs makes it of a class name: `Conv2D` is `conv2d`, `BatchNormalization` `batch_normalization`. */
function snakeCase(className: string): string {
  return className
    .replace(/(.)([A-Z][a-z0-9]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

function uniqueName(name: string, seen: Set<string>): string {
  let unique = name;
  for (let k = 1; seen.has(unique); k++) unique = `${name}_${k}`;
  seen.add(unique);
  return unique;
}
