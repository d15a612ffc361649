// The built-in digits as files: drawn once, kept as four IDX files in MNIST's shape, 60000 + 10000 images, and used
// again as long as they are, byte for byte, what this version draws.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf, UsageError } from "../core/errors.js";
import type { ReportProgress } from "../core/recipe.js";
import { drawDigits } from "./draw-digits.js";
import { readIdxBytes, writeIdx } from "./idx.js";
import { findFile, IMAGE_SIZE, type KnownFile, sha256 } from "./mnist-files.js";

/** What {@link drawDigits} gives on every machine; a change of the drawing changes these, and old files are redone. */
export const DIGITS_FILES: readonly KnownFile[] = [
  {
    name: "train-images-idx3-ubyte",
    sha256: "2bbb3c5bcc5adf95b74120306fe2e2ca7462b87fa5bdb62bf998e6338abe3cb9",
  },
  {
    name: "train-labels-idx1-ubyte",
    sha256: "394bb71d7e2b9649db1cada1ae9cee592956758cd249b3f924d67de080d1f4b8",
  },
  {
    name: "t10k-images-idx3-ubyte",
    sha256: "7ba0e21e76b4a7db039da0ffada07812d349e301d61e5dd4fac72f9dafc8ce18",
  },
  {
    name: "t10k-labels-idx1-ubyte",
    sha256: "44d0b4a65f89dde067a73c019e976e8ced57d9428357bf93f3e2b6a1dee01e77",
  },
];

const SPLITS = [
  { name: "train", count: 60_000, seed: 1 },
  { name: "t10k", count: 10_000, seed: 2 },
] as const;
const TOTAL = SPLITS.reduce((total, { count }) => total + count, 0);

/**
 * Draws the digits into `folder`, unless it holds them already; takes about two seconds.
 * @throws UsageError when the folder cannot be written.
 */
export function prepareDigits(folder: string, report: ReportProgress): void {
  if (DIGITS_FILES.every((file) => isWhole(folder, file))) return;
  writing(folder, () => mkdirSync(folder, { recursive: true }));
  let before = 0;
  for (const { name, count, seed } of SPLITS) {
    const { images, labels } = drawDigits(count, seed, (done) =>
      report(`drawing the built-in digits: ${before + done} of ${TOTAL}`),
    );
    writing(folder, () => {
      writeIdx(join(folder, `${name}-images-idx3-ubyte`), [count, IMAGE_SIZE, IMAGE_SIZE], images);
      writeIdx(join(folder, `${name}-labels-idx1-ubyte`), [count], labels);
    });
    before += count;
  }
}

function writing(folder: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new UsageError(
      `cannot write the built-in digits into ${folder}: ${messageOf(error)}; name another --data-dir`,
    );
  }
}

function isWhole(folder: string, { name, sha256: expected }: KnownFile): boolean {
  const path = findFile(folder, name);
  if (path === null) return false;
  try {
    return sha256(readIdxBytes(path)) === expected;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}
