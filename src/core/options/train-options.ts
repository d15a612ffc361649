// The options that a run is trained with: the trainer's, and beside them the recipe's own.
import type { TrainerOptions } from "./table.js";

/** Where the built-in recipe's images come from: MNIST where it can be had, MNIST or nothing, the built-in digits. */
export type DatasetChoice = "auto" | "mnist" | "digits";

/** What a recipe has that declares no options of its own: those of the built-in MNIST recipe. */
export interface InheritedOptions {
  readonly dataset: DatasetChoice;
  /** Absolute folder of the data files, where they are or are put. */
  readonly dataDir: string;
}

/** A run's options, checked: plain data, sent to every worker and kept in config.json. */
export type TrainOptions<Own extends object = InheritedOptions> = TrainerOptions & Readonly<Own>;
