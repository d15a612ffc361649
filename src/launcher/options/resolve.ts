// From what the caller typed (or passed to `launch`) to checked options: the rows of the table say what each takes, and
// here is what no row can say alone.
import { resolve, sep } from "node:path";
import { UsageError } from "../../core/errors.js";
import { readChosen, readGiven, refuseUnknown } from "../../core/options/read.js";
import type { GivenOptions, OptionRows, OptionValue, WantedValues } from "../../core/options/row.js";
import { type GivenTrainerOptions, OPTIONS, type WantedTrainerOptions } from "../../core/options/table.js";
import type { MNIST_OPTIONS } from "../../recipes/mnist-options.js";

/**
 * What a caller may give: the command line's options in camelCase, numbers also as the text that was typed, and the
 * recipe's own: those of the built-in recipe, where no others are named.
 */
export type LaunchOptions<Own extends object = GivenOptions<typeof MNIST_OPTIONS>> = GivenTrainerOptions &
  Readonly<Own>;

/** A recipe's own options, checked, by name. */
export type OwnValues = Readonly<Record<string, OptionValue>>;

/** Checked options; null where the launcher finds a value later: the probe counts GPUs, the log folder is claimed. */
export interface WantedOptions extends WantedTrainerOptions {
  /** True when the workers were asked for by `--gpus`. */
  readonly gpusAsked: boolean;
}

/**
 * Checks what was given of the trainer's options and fills in the defaults. No file is created.
 * @throws UsageError
 */
export function resolveOptions(
  given: GivenTrainerOptions,
  env: NodeJS.ProcessEnv = process.env,
): WantedOptions {
  const wanted = readGiven(OPTIONS, given, env);
  refuseLosingWeights(given, wanted);
  return { ...wanted, gpusAsked: given.gpus !== undefined };
}

/** The recipe's own options, by its rows. @throws UsageError, also for an option that neither it nor the trainer has. */
export function resolveOwn<Rows extends OptionRows>(
  rows: Rows,
  given: object,
  env: NodeJS.ProcessEnv,
): WantedValues<Rows> {
  refuseUnknown(given, [OPTIONS, rows]);
  return readGiven(rows, given, env);
}

/** As {@link resolveOptions}, but only what was given, for a run that goes on with its own. */
export function resolveChosen(given: GivenTrainerOptions): Partial<WantedOptions> {
  const chosen = readChosen(OPTIONS, given);
  return { ...chosen, gpusAsked: given.gpus !== undefined };
}

/** Replacing a run removes its checkpoints, before the workers would read one. */
function refuseLosingWeights(
  { initFrom }: GivenTrainerOptions,
  { overwrite, logdir }: WantedTrainerOptions,
): void {
  if (overwrite && logdir !== null && initFrom !== undefined && resolve(initFrom).startsWith(logdir + sep)) {
    throw new UsageError(
      `--init-from ${initFrom} is in the run that --overwrite replaces: give another --logdir`,
    );
  }
}
