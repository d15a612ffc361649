// Names for a model's weights that survive a rebuild: the same model built twice in one process, or in another
// process, gives the same names in the same order. Checkpoints, the wire and the weights' hash all use them.

import type { Tensor, Variable } from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { UsageError } from "./errors.js";

/** A model that is not a tfjs LayersModel: anything that names its variables. */
export interface Module {
  readonly parameters: Readonly<Record<string, Variable>>;
}
/** What `getModel` may return. */
export type Model = LayersModel | Module;

/** One weight of a model. */
export interface Parameter {
  /** Stable name such as `dense1/kernel`. */
  readonly name: string;
  readonly variable: Variable;
  /** Whether gradients flow to it (a frozen layer's do not). */
  readonly trainable: boolean;
}

type Layer = LayersModel["layers"][number];
type LayerWeight = Layer["weights"][number];

/** True for a tfjs LayersModel (Sequential or functional). */
export function isLayersModel(model: Model): model is LayersModel {
  return Array.isArray((model as LayersModel).layers);
}

/** All weights of a model, in the order in which they were created, which freezing does not change. */
export function namedParameters(model: Model): Parameter[] {
  if (!isLayersModel(model)) {
    return Object.entries(model.parameters).map(([name, variable]) => ({
      name,
      variable,
      trainable: variable.trainable,
    }));
  }
  const trainable = new Set(model.trainableWeights.map((weight) => weight.id));
  const parameters: Parameter[] = [];
  const seen = new Set<string>();
  model.layers.forEach((layer, index) => {
    // tfjs lists trainable weights first, so its order changes when one is frozen; ids follow creation.
    for (const weight of [...layer.weights].sort((a, b) => a.id - b.id)) {
      const name = uniqueName(stableName(layer, index, weight), seen);
      // A LayerVariable has no public way to its tf.Variable; `val` is the field that holds it.
      const { val } = weight as unknown as { val: Variable };
      parameters.push({ name, variable: val, trainable: trainable.has(weight.id) });
    }
  });
  return parameters;
}

/**
 * Freezes (`false`) or unfreezes (`true`) a whole model or layer, or parts of a model by layer or weight name.
 * Statistics that no gradient trains (batch normalisation's moving averages) stay as they are.
 * @throws UsageError naming the unknown name and the known ones.
 */
export function setRequiresGrad(
  target: Model | Layer,
  requiresGrad: boolean | Readonly<Record<string, boolean>>,
): void {
  if (typeof requiresGrad === "boolean") {
    setAll(target, requiresGrad);
    return;
  }
  if (!("layers" in target) && !("parameters" in target)) {
    throw new UsageError("setRequiresGrad: names need a model; pass true or false for a single layer");
  }
  const model = target as Model;
  const parameters = namedParameters(model);
  const layers = isLayersModel(model) ? model.layers : [];
  for (const [name, value] of Object.entries(requiresGrad)) {
    const layer = layers.find((candidate) => candidate.name === name);
    const parameter = parameters.find((candidate) => candidate.name === name);
    if (layer) layer.trainable = value;
    else if (parameter) setOne(model, parameter, value);
    else {
      const known = [...layers.map((candidate) => candidate.name), ...parameters.map((p) => p.name)];
      throw new UsageError(
        `setRequiresGrad: no layer or weight is named "${name}"; known: ${known.join(", ")}`,
      );
    }
  }
}

function setAll(target: Model | Layer, value: boolean): void {
  if ("parameters" in target) {
    for (const variable of Object.values(target.parameters)) variable.trainable = value;
    return;
  }
  (target as Layer).trainable = value;
  // Children too: a layer frozen on its own stays frozen when only its parent is unfrozen.
  for (const layer of (target as LayersModel).layers ?? []) setAll(layer, value);
}

function setOne(model: Model, { variable }: Parameter, value: boolean): void {
  variable.trainable = value;
  if (!isLayersModel(model)) return;
  for (const layer of model.layers) {
    for (const weight of layer.weights) {
      if ((weight as unknown as { val: Tensor }).val === variable) weight.trainable = value;
    }
  }
}

/**
 * tfjs numbers unnamed layers by how many were ever built in this process (`dense_Dense3`), which differs between
 * the first and the second time the same model is built: such layers are named by class and position instead.
 */
function stableName(layer: Layer, index: number, weight: LayerWeight): string {
  const className = layer.getClassName();
  const automatic = new RegExp(`^(.+)_${className}\\d+$`).exec(layer.name);
  const layerName = automatic ? `${automatic[1]}_${index}` : layer.name;
  const weightName = weight.originalName.startsWith(`${layer.name}/`)
    ? weight.originalName.slice(layer.name.length + 1)
    : weight.originalName;
  return `${layerName}/${weightName}`;
}

function uniqueName(name: string, seen: Set<string>): string {
  let unique = name;
  for (let k = 1; seen.has(unique); k++) unique = `${name}_${k}`;
  seen.add(unique);
  return unique;
}
