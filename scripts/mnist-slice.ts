// `tsx scripts/mnist-slice.ts <from> <to> <train> <valid>`: writes the first samples of MNIST as a dataset of its own.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { readIdx, writeIdx } from "../src/data/idx.js";

const [from, to, train, valid] = process.argv.slice(2);
if (!(Number(train) > 0 && Number(valid) > 0)) {
  console.error("usage: tsx scripts/mnist-slice.ts <from> <to> <train samples> <valid samples>");
  process.exit(2);
}
mkdirSync(to, { recursive: true });
for (const [prefix, count] of [
  ["train", Number(train)],
  ["t10k", Number(valid)],
] as const) {
  for (const suffix of ["images-idx3-ubyte", "labels-idx1-ubyte"]) {
    const name = `${prefix}-${suffix}`;
    const { shape, data } = readIdx([join(from, name), join(from, `${name}.gz`)].find(existsSync) as string);
    const size = data.length / shape[0];
    writeIdx(join(to, name), [count, ...shape.slice(1)], data.subarray(0, count * size));
  }
}
