// From typed words to given options, by the rows of the tables; and help, made of the same rows.
import { CommanderError, Option, Command as Program } from "commander";
import { UsageError } from "../../core/errors.js";
import { helpFlag, helpLine } from "../../core/options/help.js";
import type { Given, OptionRow, OptionRows } from "../../core/options/row.js";
import { versions } from "../run-folder/versions.js";
import type { Command, OptionGroup } from "./command.js";

const HELP_TITLE = "Help";
const HELP_FLAGS = ["-h", "--help"];

/**
 * What was given to the command; null when help or the version was all that was asked for, which is then printed.
 * @param names of all commands, the one that may be left out first
 * @throws UsageError
 */
export function parseArguments(
  argv: readonly string[],
  command: Command,
  more: readonly OptionGroup[],
  names: readonly string[] = [command.name],
): Given | null {
  const program = programOf([...groupsOf(command.options), ...more]);
  const { operands } = command;
  const isDefault = command.name === names[0];
  program
    .description(command.summary)
    .usage(
      `${isDefault ? `[${command.name}]` : command.name}${operands === undefined ? "" : ` <${operands.name}>...`} [options]`,
    )
    .argument("[command]", `what to do: ${names.join(", ")} (default: ${names[0]})`);
  if (operands !== undefined) program.argument(`[${operands.name}...]`, operands.help);
  program
    .addHelpText("after", `\nExamples:\n${command.examples.map((line) => `  ${line}`).join("\n")}`)
    .optionsGroup(`${HELP_TITLE}:`)
    .version(versions()["ddp-train"], "--version")
    .helpOption(HELP_FLAGS.join(", "), "show this help");
  try {
    const [name = command.name, ...words] = program.parse(argv, { from: "user" }).args;
    if (name !== command.name) throw unknownCommand(name, names);
    return { ...typedOptions(program), ...(operands === undefined ? {} : { [operands.name]: words }) };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    const line = error.message.replaceAll(/^error: |\.$/g, "").replaceAll(/\s*\n\s*/g, " ");
    throw new UsageError(`${line}; see ddp-train --help`);
  }
}

/** What a first look tells of the typed words; mistakes are left to {@link parseArguments}. */
export interface LookAhead {
  readonly given: Given;
  /** Flags that these tables do not have. */
  readonly unknown: readonly string[];
  readonly wantsHelp: boolean;
}

/** Reads what these tables know. */
export function lookAhead(argv: readonly string[], tables: readonly OptionRows[]): LookAhead {
  const program = programOf(tables.map((rows) => ({ title: "", rows }))).helpOption(false);
  try {
    const flags = program.parseOptions([...argv]).unknown.filter((word) => word.startsWith("-"));
    return {
      given: typedOptions(program),
      unknown: flags.filter((flag) => ![...HELP_FLAGS, "--version"].includes(flag)),
      wantsHelp: flags.some((flag) => HELP_FLAGS.includes(flag)),
    };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { given: {}, unknown: [], wantsHelp: false };
  }
}

function programOf(groups: readonly OptionGroup[]): Program {
  const program = new Program("ddp-train").exitOverride().configureOutput({ outputError: () => {} });
  for (const { title, rows } of groups) {
    for (const [key, row] of Object.entries(rows)) {
      program.addOption(new Option(helpFlag(key, row), helpLine(row)).helpGroup(`${title}:`));
    }
  }
  return program;
}

/** A table's rows by their headings, in the order of these. */
function groupsOf(rows: OptionRows): OptionGroup[] {
  const groups = new Map<string, Record<string, OptionRow>>();
  for (const [key, row] of Object.entries(rows)) {
    const title = row.group ?? "Options";
    groups.set(title, { ...groups.get(title), [key]: row });
  }
  return [...groups].map(([title, group]) => ({ title, rows: group }));
}

/** What was really typed: a switch that is on by default has a value in any case. */
function typedOptions(program: Program): Given {
  const entries = Object.entries(program.opts<Record<string, unknown>>());
  return Object.fromEntries(entries.filter(([key]) => program.getOptionValueSource(key) === "cli"));
}

function unknownCommand(name: string, names: readonly string[]): UsageError {
  return new UsageError(
    names.includes(name)
      ? `the command comes first: ddp-train ${name} ...`
      : `there is no command "${name}"; try ddp-train ${names[0]} --help`,
  );
}
