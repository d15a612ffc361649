// Images with labels, kept as bytes (47 MB for MNIST, not 188) until a batch needs them as numbers.
import * as tf from "@tensorflow/tfjs-core";
import type { Dataset } from "../core/loader.js";

/** A dataset over `images`, `count` times `rows` x `columns` bytes, and `labels`, `count` bytes. */
export class ImageDataset implements Dataset {
  readonly length: number;
  readonly rows: number;
  readonly columns: number;
  private readonly images: Uint8Array;
  private readonly labels: Uint8Array;

  constructor(images: Uint8Array, labels: Uint8Array, rows = 28, columns = 28) {
    if (images.length !== labels.length * rows * columns) {
      throw new RangeError(
        `${labels.length} labels want ${labels.length * rows * columns} pixels, got ${images.length}`,
      );
    }
    this.length = labels.length;
    this.rows = rows;
    this.columns = columns;
    this.images = images;
    this.labels = labels;
  }

  /** `[x, y]`: x float32 `[batch, rows, columns]` in 0 to 1, y int32 `[batch]`. */
  collate(indices: Int32Array): [tf.Tensor3D, tf.Tensor1D] {
    const { images, labels, rows, columns } = this;
    const size = rows * columns;
    const batch = indices.length;
    // New arrays every time: a native backend may go on using the one that it was given.
    const x = new Float32Array(batch * size);
    const y = new Int32Array(batch);
    for (let b = 0, to = 0; b < batch; b++) {
      const index = indices[b];
      if (!(index >= 0 && index < this.length)) {
        throw new RangeError(`sample ${index} does not exist: the dataset has ${this.length}`);
      }
      y[b] = labels[index];
      for (let from = index * size, end = from + size; from < end; ) x[to++] = UNIT[images[from++]];
    }
    return [tf.tensor3d(x, [batch, rows, columns], "float32"), tf.tensor1d(y, "int32")];
  }
}

/** byte / 255 as a float32 division gives it: the double quotient, rounded, is the same for integers this small. */
const UNIT = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);
