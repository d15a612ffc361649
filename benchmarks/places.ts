// Where things are, and whether they are there.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { UsageError } from "../src/core/errors.js";

/** The repository. */
export const root = fileURLToPath(new URL("..", import.meta.url));
/** Debian's python3, which sees its python3-torch; another python3 on the PATH may not. */
export const PYTHON = "/usr/bin/python3";

/** The build to measure, as a folder URL. @throws UsageError when there is none. */
export function buildAt(folder: string): URL {
  const path = resolve(root, folder);
  if (!existsSync(resolve(path, "launcher/cli.js"))) {
    throw new UsageError(`${folder} holds no build of ddp-train: run npm run build`);
  }
  return pathToFileURL(`${path}/`);
}

/** The folder with the four MNIST files: the one given, `$DDP_MNIST_DIR`, or `../shared/mnist`. @throws UsageError */
export function mnistFolder(given: string | undefined): string {
  const folder = resolve(root, given ?? process.env.DDP_MNIST_DIR ?? "../shared/mnist");
  if (existsSync(folder)) return folder;
  throw new UsageError("there is no folder with MNIST: give --data-dir or set DDP_MNIST_DIR");
}

/** The version of torch that {@link PYTHON} imports, or null. */
export function torchVersion(): string | null {
  const program = "import torch, numpy, torch.distributed; print(torch.__version__)";
  const { status, stdout } = spawnSync(PYTHON, ["-c", program], { encoding: "utf8", timeout: 60_000 });
  return status === 0 ? stdout.trim() : null;
}
