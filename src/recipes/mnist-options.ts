// The built-in recipe's own options. Plain data that imports nothing: the launcher reads it too, so that the built-in
// recipe needs no process to tell them. A recipe that declares no options has these.
import type { OptionRows } from "../index.js";

export const MNIST_OPTIONS = {
  /** Where the images come from: MNIST where it can be had, MNIST or nothing, the built-in digits. */
  dataset: {
    help: "",
    kind: { type: "choice", of: ["auto", "mnist", "digits"] },
    value: "d",
    default: "auto",
  },
  /** Absolute folder of the data files, where they are or are put. */
  dataDir: {
    help: "where the IDX files are or are put",
    kind: { type: "folder" },
    default: { env: "DDP_DATA_DIR", name: "ddp-train" },
    defaultHelp: "in the user's cache",
  },
} as const satisfies OptionRows;
