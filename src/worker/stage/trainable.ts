// Which weights of a model train may change at any time: `setRequiresGrad`, or `layer.trainable = true` in a callback.
// A watch notices it before the next batch, at the price of a look at each layer.
import { isLayersModel, type Model } from "../../core/model.js";

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

/** A layer's own switch, those of its weights, and those of the layers inside it (models, wrappers, cells). */
function switchesOf(layer: object): Switch[] {
  const { weights, layers, ...inner } = layer as {
    readonly weights?: readonly Switch[];
    readonly layers?: readonly object[];
    readonly layer?: object;
    readonly forwardLayer?: object;
    readonly backwardLayer?: object;
    readonly cell?: object;
  };
  const children = [...(layers ?? []), inner.layer, inner.forwardLayer, inner.backwardLayer, inner.cell];
  const own = layer as Switch;
  return [own, ...(weights ?? []), ...children.flatMap((child) => (child ? switchesOf(child) : []))];
}
