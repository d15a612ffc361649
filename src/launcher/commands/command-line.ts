// The command line: its options and help, what it prints when a run does not complete, and its exit code.
import { Command, CommanderError } from "commander";
import { ExitCode, messageOf, RunError, UsageError } from "../../core/errors.js";
import { BUCKET_MB, DATASETS, DEVICES, ON_NAN } from "../../core/options.js";
import { WIRES } from "../../core/process-group.js";
import { type LaunchIo, launch } from "../launch.js";
import type { LaunchOptions } from "../options/resolve.js";
import { Interrupted, trapSignals } from "../processes/interruption.js";
import { versions } from "../run-folder/versions.js";

const EXAMPLES = `
Examples:
  ddp-train                                   all stages of the built-in recipe
  ddp-train --gpus 4 --stages freezed,unfreezed
  ddp-train --workers 2 --epochs 1 --dataset digits
  ddp-train --recipe ./my-recipe.ts --logdir logs/first --overwrite
  ddp-train --resume logs/first`;

/** Runs the command with these arguments (without node and script), and resolves to its exit code. */
export async function runCommand(argv: readonly string[], io: Partial<LaunchIo> = {}): Promise<ExitCode> {
  const say = (text: string) => void process.stderr.write(`ddp-train: ${text}\n`);
  const interruption = trapSignals();
  try {
    const options = parseArguments(argv);
    if (options !== null) await launch(options, { ...io, ...interruption });
    return ExitCode.ok;
  } catch (error) {
    const isExpected = [UsageError, RunError, Interrupted].some((kind) => error instanceof kind);
    say(isExpected ? messageOf(error) : (error instanceof Error && error.stack) || messageOf(error));
    if (error instanceof Interrupted) return error.exitCode;
    return error instanceof UsageError ? ExitCode.usage : ExitCode.failed;
  } finally {
    interruption.release();
  }
}

/** The options, or null when help or the version was all that was asked for. */
export function parseArguments(argv: readonly string[]): LaunchOptions | null {
  const program = command();
  try {
    const [name = "train"] = program.parse(argv, { from: "user" }).args;
    if (name !== "train") throw new UsageError(`there is no command "${name}"; try ddp-train train --help`);
    return program.opts<LaunchOptions>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    const line = error.message.replaceAll(/^error: |\.$/g, "").replaceAll(/\s*\n\s*/g, " ");
    throw new UsageError(`${line}; see ddp-train --help`);
  }
}

function command(): Command {
  return new Command("ddp-train")
    .description("Trains a staged recipe on several workers at once, one per GPU or CPU core.")
    .usage("[train] [options]")
    .argument("[command]", "what to do; train is all there is, and may be left out")
    .option("--gpus <n>", "one worker per GPU on this machine (default: the GPUs found, else 2 workers)")
    .option("--workers <n>", "the same, where there are no GPUs")
    .option("--device <d>", `${DEVICES.join(" | ")} (default: auto, the best that works)`)
    .option("--stages <list>", "which of the recipe's stages, in order (default: all)")
    .option("--recipe <file>", "a recipe of your own, .ts/.js/.mjs (default: the built-in MNIST recipe)")
    .option("--epochs <n>", "epochs a stage (default: the recipe's own)")
    .option("--batch-size <n>", "samples a batch and worker (default: 32)")
    .option("--dataset <d>", `${DATASETS.join(" | ")} (default: auto)`)
    .option("--data-dir <dir>", "where the IDX files are or are put (default: in the user's cache)")
    .option("--init-from <file>", "start from these weights (safetensors)")
    .option("--logdir <dir>", "where the run is written (default: logs/<time>)")
    .option("--overwrite", "replace the run that the log folder holds")
    .option(
      "--resume <path>",
      "go on with the run in this log folder, from its last checkpoint or from this one",
    )
    .option("--seed <n>", "seed of everything random (default: 42)")
    .option("--timeout <s>", "seconds a worker waits for another before it gives up (default: 60)")
    .option("--checkpoint-every <n>", "save also every so many train batches (default: at each epoch's end)")
    .option("--on-nan <do>", `${ON_NAN.join(" | ")}: a batch whose loss is not a number (default: stop)`)
    .option(
      "--wire <f>",
      `${WIRES.join(" | ")}: gradients on their way; 16 bits halve the bytes (default: fp32)`,
    )
    .option("--bucket-mb <n>", `gradients travel in buckets of so many MB (default: ${BUCKET_MB})`)
    .option("--max-restarts <n>", "after a fault, restart from the last checkpoint so often (default: 0)")
    .option("--quiet", "print warnings and errors only")
    .option("--verbose", "print more")
    .option("--no-progress", "draw no progress bars")
    .version(versions()["ddp-train"], "--version")
    .helpOption("-h, --help", "show this help")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
}
