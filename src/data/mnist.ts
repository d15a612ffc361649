// Puts a dataset on disk before a run (`prepareMnist`, once a machine) and loads it in every worker (`loadMnist`).
// Where it comes from, in order: the data folder, a download, the built-in digits, which is said loudly.
import { join } from "node:path";
import { messageOf, UsageError } from "../core/errors.js";
import type { DatasetChoice } from "../core/options/train-options.js";
import type { ReportProgress } from "../core/recipe.js";
import { DIGITS_FILES, prepareDigits } from "./digits.js";
import { type DownloadOptions, downloadMnist } from "./download.js";
import { ImageDataset } from "./image-dataset.js";
import {
  findFile,
  hasMnistFiles,
  type KnownFile,
  MNIST_FILES,
  readMnistFiles,
  sha256,
} from "./mnist-files.js";
import { assertUnchanged, type FileStamp, stampOf } from "./unchanged.js";

export interface PrepareMnistOptions {
  readonly dataset: DatasetChoice;
  readonly dataDir: string;
  readonly report: ReportProgress;
  readonly download?: DownloadOptions;
}

/** What is on disk; plain JSON, for every rank and for config.json. */
export type PreparedMnist = {
  readonly dataset: "mnist" | "digits";
  /** The folder that holds the four files. */
  readonly folder: string;
  /** Whether the files are the published ones, byte for byte. */
  readonly official: boolean;
  /** SHA-256 of each file's uncompressed content, by name. */
  readonly sha256: { readonly [file: string]: string };
  /** By the same names, for {@link assertUnchanged}. */
  readonly stamps: { readonly [file: string]: FileStamp };
  /** Number of images. */
  readonly train: number;
  readonly valid: number;
  /** What the user must be told, or null. */
  readonly notice: string | null;
};

/**
 * Finds, downloads or generates the dataset, and checks it.
 * @throws UsageError naming the file when some are missing or damaged, or when `mnist` is asked for and not to be had.
 */
export async function prepareMnist(options: PrepareMnistOptions): Promise<PreparedMnist> {
  const { dataset, dataDir, report } = options;
  if (dataset === "digits") return digits(dataDir, report, null);
  for (const folder of [dataDir, join(dataDir, "mnist")]) {
    if (hasMnistFiles(folder)) return inspect("mnist", folder, MNIST_FILES, null);
  }
  const folder = join(dataDir, "mnist");
  try {
    await downloadMnist(folder, report, options.download);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = messageOf(error);
    if (dataset === "mnist") throw new UsageError(`${reason}; ${howToGetMnist(dataDir)}`);
    return digits(
      dataDir,
      report,
      `training on the built-in digits, NOT on MNIST: ${reason}. For MNIST, ${howToGetMnist(dataDir)}; ` +
        "--dataset digits chooses the built-in digits without this notice",
    );
  }
  return inspect("mnist", folder, MNIST_FILES, null);
}

/**
 * Loads the prepared files; pixels stay bytes.
 * @throws UsageError naming a file that is damaged now, RunError naming one that holds something else by now.
 */
export function loadMnist(prepared: PreparedMnist): { train: ImageDataset; valid: ImageDataset } {
  const { train, valid } = readMnistFiles(prepared.folder);
  assertUnchanged(prepared);
  return {
    train: new ImageDataset(train.images, train.labels),
    valid: new ImageDataset(valid.images, valid.labels),
  };
}

async function digits(
  dataDir: string,
  report: ReportProgress,
  notice: string | null,
): Promise<PreparedMnist> {
  const folder = join(dataDir, "digits");
  prepareDigits(folder, report);
  return inspect("digits", folder, DIGITS_FILES, notice);
}

function inspect(
  dataset: "mnist" | "digits",
  folder: string,
  published: readonly KnownFile[],
  notice: string | null,
): PreparedMnist {
  const hashes: Record<string, string> = {};
  const stamps: Record<string, FileStamp> = {};
  // Before they are read: what is written meanwhile has a later stamp.
  for (const { name } of published) stamps[name] = stampOf(findFile(folder, name)!);
  const { train, valid } = readMnistFiles(folder, (name, content) => {
    hashes[name] = sha256(content);
  });
  return {
    dataset,
    folder,
    official: published.every((file) => hashes[file.name] === file.sha256),
    sha256: hashes,
    stamps,
    train: train.count,
    valid: valid.count,
    notice,
  };
}

function howToGetMnist(dataDir: string): string {
  const names = MNIST_FILES.map(({ name }) => `${name}.gz`).join(", ");
  return `put ${names} into ${dataDir} or connect to the internet`;
}
