// Which weights of a model train may change at any time: `setRequiresGrad`, or `layer.trainable = true` in a callback.
// A watch notices it before the next batch, at the price of a look at each layer.
import { allLayers, isLayersModel, type Layer, type Model } from "../../core/model.js";

interface Switch {
  readonly trainable: boolean;
}

export class TrainableWatch {
  readonly #switches: readonly Switch[];
  #seen: readonly boolean[];

  constructor(model: Model) {
    this.#switches = isLayersModel(model) ? switchesOf(model) : Object.values(model.parameters);
    this.#seen = this.#read();
  }

  /** Whether a layer or weight was frozen or unfrozen since this was asked last. */
  hasChanged(): boolean {
    const switches = this.#switches;
    for (let i = 0; i < switches.length; i++) {
      if (switches[i].trainable === this.#seen[i]) continue;
      this.#seen = this.#read();
      return true;
    }
    return false;
  }

  #read(): boolean[] {
    return this.#switches.map(({ trainable }) => trainable);
  }
}

/** The switches of all layers, at any depth, and of their weights. */
function switchesOf(model: Layer): Switch[] {
  return [...new Set(allLayers(model).flatMap((layer) => [layer, ...layer.weights]))];
}
