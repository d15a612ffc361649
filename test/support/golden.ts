// Where the golden files are: data made once by the libraries this project must agree with, kept outside the
// repository. A test that needs them skips where they are not, and says what to set.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Spread into a test's options: `skip` is false when `path` exists, else the reason why not. */
export interface Golden {
  readonly path: string;
  readonly skip: string | false;
}

/** A file of the parity folder: `$DDP_PARITY_DIR/name`, by default `../shared/parity/name` beside the repository. */
export function parityFile(name: string): Golden {
  return golden("DDP_PARITY_DIR", "../shared/parity", name);
}

/** The folder of the four MNIST files: `$DDP_MNIST_DIR`, by default `../shared/mnist` beside the repository. */
export function mnistDir(): Golden {
  return golden("DDP_MNIST_DIR", "../shared/mnist", ".");
}

function golden(variable: string, fallback: string, name: string): Golden {
  const path = join(resolve(root, process.env[variable] || fallback), name);
  return { path, skip: existsSync(path) ? false : `${path} is not there; set ${variable} to its folder` };
}
