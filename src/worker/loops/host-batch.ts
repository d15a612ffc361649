// The current batch's values on the host: each tensor is read once, however many callbacks ask for it.
import type { Tensor } from "@tensorflow/tfjs-core";

type Values = Float32Array | Int32Array | Uint8Array;

export class HostBatch {
  readonly #values = new Map<string, Promise<Values>>();

  read(key: string, tensor: Tensor): Promise<Values> {
    let values = this.#values.get(key);
    if (!values) {
      values = tensor.data();
      this.#values.set(key, values);
    }
    return values;
  }

  clear(): void {
    this.#values.clear();
  }
}
