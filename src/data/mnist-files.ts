// The four files of MNIST, and of every set made in its shape (Fashion-MNIST, a slice of MNIST, the built-in
// digits): where they are in a folder, and what they must hold. The structure is checked always; the contents'
// SHA-256 tells whether they are the published ones.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../core/errors.js";
import { parseIdx, readIdxBytes } from "./idx.js";

/** A file of the set: its name without `.gz`, and the SHA-256 of its uncompressed content. */
export interface KnownFile {
  readonly name: string;
  readonly sha256: string;
}

/** The published MNIST. */
export const MNIST_FILES: readonly KnownFile[] = [
  {
    name: "train-images-idx3-ubyte",
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
  },
  {
    name: "train-labels-idx1-ubyte",
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
  },
  {
    name: "t10k-images-idx3-ubyte",
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
  },
  {
    name: "t10k-labels-idx1-ubyte",
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
  },
];

export const IMAGE_SIZE = 28;
export const CLASSES = 10;

/** Images `[count, 28, 28]` and their labels `[count]`, all bytes, labels below 10. */
export interface LabelledImages {
  readonly count: number;
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

export interface MnistContent {
  readonly train: LabelledImages;
  readonly valid: LabelledImages;
}

/** Hex SHA-256 of some bytes. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Where a file of the set is in a folder: `name`, else `name.gz`, else null. */
export function findFile(folder: string, name: string): string | null {
  for (const path of [join(folder, name), join(folder, `${name}.gz`)]) if (existsSync(path)) return path;
  return null;
}

/**
 * Whether a folder holds the four files. False when it holds none of them, or what an unfinished download left.
 * @throws UsageError naming the missing ones when it holds only some.
 */
export function hasMnistFiles(folder: string): boolean {
  const missing = MNIST_FILES.filter(({ name }) => findFile(folder, name) === null);
  if (missing.length === 0) return true;
  if (missing.length === MNIST_FILES.length) return false;
  if (MNIST_FILES.some(({ name }) => existsSync(partOf(folder, name)))) return false;
  const names = missing.map(({ name }) => name).join(", ");
  throw new UsageError(
    `${folder} holds only some of the MNIST files: add ${names} (plain or .gz), or name another --data-dir`,
  );
}

/** Where a download of a file grows until all four are there and checked. */
export function partOf(folder: string, name: string): string {
  return join(folder, `${name}.gz.part`);
}

/**
 * Reads the four files of a folder. `onFile` gets each one's uncompressed bytes, for hashing.
 * @throws UsageError naming the file that is missing, damaged or not of MNIST's shape, and what was expected.
 */
export function readMnistFiles(
  folder: string,
  onFile?: (name: string, content: Uint8Array) => void,
): MnistContent {
  const read = (name: string, check: (path: string, shape: readonly number[]) => void) => {
    const path = findFile(folder, name) ?? join(folder, name);
    const content = readIdxBytes(path);
    const { shape, data } = parseIdx(path, content);
    check(path, shape);
    onFile?.(name, content);
    return { path, data, count: shape[0] };
  };
  const readSplit = (split: string): LabelledImages => {
    const images = read(`${split}-images-idx3-ubyte`, checkImages);
    const labels = read(`${split}-labels-idx1-ubyte`, checkLabels);
    if (labels.count !== images.count) {
      throw new UsageError(
        `${labels.path} holds ${labels.count} labels, expected ${images.count}: one for each image of ${images.path}`,
      );
    }
    checkClasses(labels.path, labels.data);
    return { count: images.count, images: images.data, labels: labels.data };
  };
  return { train: readSplit("train"), valid: readSplit("t10k") };
}

function checkImages(path: string, shape: readonly number[]): void {
  if (shape.length !== 3 || shape[0] === 0 || shape[1] !== IMAGE_SIZE || shape[2] !== IMAGE_SIZE) {
    throw new UsageError(
      `${path} holds ${shape.join(" x ")} values, expected images: n x 28 x 28 (n above 0)`,
    );
  }
}

function checkLabels(path: string, shape: readonly number[]): void {
  if (shape.length !== 1) {
    throw new UsageError(`${path} holds ${shape.join(" x ")} values, expected labels: one dimension`);
  }
}

function checkClasses(path: string, labels: Uint8Array): void {
  const wrong = labels.findIndex((label) => label >= CLASSES);
  if (wrong >= 0) {
    throw new UsageError(
      `${path} holds label ${labels[wrong]} at place ${wrong}, expected 0 to ${CLASSES - 1}`,
    );
  }
}
