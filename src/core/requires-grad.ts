// Freezing and unfreezing: a whole model or layer, or parts of a model by name or pattern.
import { UsageError } from "./errors.js";
import { allLayers, childLayers, isLayersModel, type Layer, type Model, variableOf } from "./model.js";
import { layerName, namedParameters, namedWeights } from "./parameters.js";

/**
 * Freezes (`false`) or unfreezes (`true`) a whole model or layer, or parts of a model: by the name of a layer at any
 * depth (`dense1`, `encoder/dense1`), of a weight (`dense1/kernel`), or by a pattern in which `*` stands for any
 * characters (`block_*`). In a record, later entries win. It takes effect from the next batch on; call it on all ranks
 * alike. Statistics that no gradient trains (batch normalisation's moving averages) stay as they are.
 * @returns the names of the weights that it concerned, empty for a single layer.
 * @throws UsageError naming the name or pattern that matches nothing, and the known names.
 */
export function setRequiresGrad(
  target: Model | Layer,
  requiresGrad: boolean | Readonly<Record<string, boolean>>,
): string[] {
  const isModel = "parameters" in target || Array.isArray((target as { readonly layers?: unknown }).layers);
  if (typeof requiresGrad === "boolean") {
    setAll(target, requiresGrad);
    return isModel ? namedParameters(target as Model).map(({ name }) => name) : [];
  }
  if (!isModel)
    throw new UsageError("setRequiresGrad: names need a model; pass true or false for a single layer");
  const parts = partsOf(target as Model);
  const matched = new Set<string>();
  for (const [pattern, value] of Object.entries(requiresGrad)) {
    const found = parts.filter(({ names }) => names.some((name) => matches(pattern, name)));
    if (found.length === 0) {
      const known = parts.map(({ names }) => names[0]).join(", ");
      throw new UsageError(`setRequiresGrad: no layer or weight is named "${pattern}"; known: ${known}`);
    }
    for (const part of found) {
      part.set(value);
      for (const name of part.weights) matched.add(name);
    }
  }
  return [...matched];
}

/** A layer or a weight that can be named. */
interface Part {
  /** Its path first, then its own name. */
  readonly names: readonly string[];
  /** The weights that it concerns, by name. */
  readonly weights: readonly string[];
  set(value: boolean): void;
}

function partsOf(model: Model): Part[] {
  if (!isLayersModel(model)) {
    return Object.entries(model.parameters).map(([name, variable]) => ({
      names: [name],
      weights: [name],
      set: (value) => {
        variable.trainable = value;
      },
    }));
  }
  const named = namedWeights(model);
  const owners = new Map<number, Layer[]>();
  const layers: Part[] = [];
  const visit = (layer: Layer, path: string, above: readonly Layer[]): void => {
    const { layers: inner = [] } = layer as unknown as { readonly layers?: readonly Layer[] };
    const way = [...above, layer];
    for (const [index, child] of inner.entries()) {
      const place = path + layerName(child, index);
      const ids = new Set(child.weights.map(({ id }) => id));
      layers.push({
        names: [place, path + child.name, child.name],
        weights: named.filter(({ weight }) => ids.has(weight.id)).map(({ name }) => name),
        set: (value) => {
          if (value) openWay(way, child);
          setAll(child, value);
        },
      });
      visit(child, `${place}/`, way);
    }
    for (const { id } of layer.weights) owners.set(id, way);
  };
  visit(model, "", []);
  const weights = named.map(({ name, weight }): Part => {
    return {
      names: [name],
      weights: [name],
      set: (value) => {
        const way = owners.get(weight.id) ?? [model];
        if (value) openWay(way, null);
        weight.trainable = value;
        variableOf(weight).trainable = value;
      },
    };
  });
  return [...layers, ...weights];
}

/** A frozen layer freezes all inside it: to unfreeze a part, it is opened, and its other parts are frozen instead. */
function openWay(way: readonly Layer[], end: Layer | null): void {
  way.forEach((layer, i) => {
    if (layer.trainable) return;
    const next = way[i + 1] ?? end;
    const children = childLayers(layer);
    for (const child of children) if (child !== next) setAll(child, false);
    if (children.length === 0) for (const weight of layer.weights) weight.trainable = false;
    layer.trainable = true;
  });
}

function setAll(target: Model | Layer, value: boolean): void {
  if ("parameters" in target) {
    for (const variable of Object.values(target.parameters)) variable.trainable = value;
    return;
  }
  // Children too: a layer frozen on its own stays frozen when only its parent is unfrozen.
  for (const layer of allLayers(target as Layer)) layer.trainable = value;
}

function matches(pattern: string, name: string): boolean {
  if (!pattern.includes("*")) return pattern === name;
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(name);
}
