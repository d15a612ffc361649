// What a benchmark's command line is made of: numbers as they are typed, and how it ends.
import { type Command, CommanderError, InvalidArgumentError } from "commander";
import { UsageError } from "../src/core/errors.js";

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("It wants a whole number of at least 1.");
  return Number(text);
}

/** With commas between them. */
export function wholeNumbers(text: string): number[] {
  return text.split(",").map(wholeNumber);
}

/** Runs what was typed. A mistake of the caller's is one line and exit 2, anything else its stack and exit 1. */
export async function runProgram(program: Command): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander has printed its own line; 0 is for help.
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
    const isUsage = error instanceof UsageError;
    process.stderr.write(`${program.name()}: ${isUsage ? error.message : (error as Error).stack}\n`);
    process.exit(isUsage ? 2 : 1);
  }
}
