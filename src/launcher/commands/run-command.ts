// The command line as a whole: which command is meant, what is printed when it does not come to its end, and the exit
// code.
import { ExitCode, messageOf, RunError, UsageError } from "../../core/errors.js";
import { type LaunchIo, launchIo } from "../launch.js";
import { Interrupted, trapSignals } from "../processes/interruption.js";
import { COMMANDS } from "./list.js";
import { parseArguments } from "./parser.js";

/** Runs the command with these arguments (without node and script), and resolves to its exit code. */
export async function runCommand(argv: readonly string[], io: Partial<LaunchIo> = {}): Promise<ExitCode> {
  const say = (text: string) => void process.stderr.write(`ddp-train: ${text}\n`);
  const interruption = trapSignals();
  try {
    await run(argv, launchIo({ ...io, ...interruption }));
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

async function run(argv: readonly string[], io: LaunchIo): Promise<void> {
  const command = COMMANDS.find(({ name }) => name === argv[0]) ?? COMMANDS[0];
  const more = command.moreOptions === undefined ? [] : [await command.moreOptions(argv, io)];
  const names = COMMANDS.map(({ name }) => name);
  const given = parseArguments(argv, command, more, names);
  if (given !== null) await command.run(given, io);
}
