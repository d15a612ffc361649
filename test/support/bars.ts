// An MNIST-shaped dataset that learns in seconds: a bright bar whose row tells the digit, under noise.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Mt19937 } from "../../src/core/random.js";
import { writeIdx } from "../../src/data/idx.js";

/** Writes the four IDX files with this many images. */
export function writeBars(folder: string, train: number, valid: number): void {
  mkdirSync(folder, { recursive: true });
  const random = new Mt19937(7);
  for (const [name, count] of [
    ["train", train],
    ["t10k", valid],
  ] as const) {
    const images = new Uint8Array(count * 784);
    const labels = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      labels[i] = random.next() % 10;
      for (let pixel = 0; pixel < 784; pixel++) {
        const row = Math.floor(pixel / 28);
        const isBar = row === 4 + 2 * labels[i];
        images[i * 784 + pixel] = (random.next() % 120) + (isBar ? 100 : 0);
      }
    }
    writeIdx(join(folder, `${name}-images-idx3-ubyte`), [count, 28, 28], images);
    writeIdx(join(folder, `${name}-labels-idx1-ubyte`), [count], labels);
  }
}
