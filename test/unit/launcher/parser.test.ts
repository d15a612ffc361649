// Typed words, by the rows of a command's table; and which command is meant.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineOptions } from "../../../src/core/options/recipe-options.js";
import { OPTIONS } from "../../../src/core/options/table.js";
import type { Command } from "../../../src/launcher/commands/command.js";
import { COMMANDS } from "../../../src/launcher/commands/list.js";
import { lookAhead, parseArguments } from "../../../src/launcher/commands/parser.js";

const [train] = COMMANDS;
const doctor: Command = {
  name: "doctor",
  summary: "Looks at the machine.",
  options: defineOptions({
    deep: { group: "Start", help: "look longer", kind: { type: "switch" }, default: false },
  }),
  examples: ["ddp-train doctor --deep"],
  run: async () => {},
};
const names = ["train", "doctor"];
const parse = (command: Command, ...argv: string[]) => parseArguments(argv, command, [], names);

function printed(work: () => unknown): string {
  const { write } = process.stdout;
  let text = "";
  process.stdout.write = ((chunk: string) => {
    text += chunk;
    return true;
  }) as typeof write;
  try {
    work();
  } finally {
    process.stdout.write = write;
  }
  return text;
}

test("only what was typed is given, whether the first command is named or not", () => {
  assert.deepEqual(parse(train), {});
  assert.deepEqual(parse(train, "train"), {});
  assert.deepEqual(parse(train, "--epochs", "3", "--no-progress"), { epochs: "3", progress: false });
  assert.deepEqual(parse(train, "train", "--epochs=3", "--quiet"), { epochs: "3", quiet: true });
  assert.deepEqual(parse(doctor, "doctor", "--deep"), { deep: true });
});

test("a command is found by its first word; what is none, or comes late, is said", () => {
  const refused = (message: RegExp, ...argv: string[]) =>
    assert.throws(() => parse(train, ...argv), { name: "UsageError", message });
  refused(/^there is no command "test"; try ddp-train train --help$/, "test");
  refused(/^there is no command "test"; try ddp-train train --help$/, "--quiet", "test");
  refused(/^the command comes first: ddp-train doctor \.\.\.$/, "--quiet", "doctor");
  refused(/^unknown option '--deep'/, "--deep");
  refused(/^too many arguments/, "train", "now");
});

test("a command's help has its own usage, options and examples", () => {
  const text = printed(() => assert.equal(parse(doctor, "doctor", "--help"), null));
  assert.match(text, /^Usage: ddp-train doctor \[options\]\n\nLooks at the machine\.\n/);
  assert.match(text, /\nStart:\n {2}--deep {2,}look longer\n/);
  assert.match(text, /\nExamples:\n {2}ddp-train doctor --deep\n$/);
  const first = printed(() => assert.equal(parse(train, "--help"), null));
  assert.match(first, /^Usage: ddp-train \[train\] \[options\]/);
  assert.match(first, /what to do: train, doctor \(default: train\)/);
  const headings = [...first.matchAll(/^(\w+):$/gm)].map(([, heading]) => heading);
  assert.deepEqual(headings, ["Arguments", "Start", "Train", "Distributed", "Output", "Help", "Examples"]);
  assert.equal(first.split("\nExamples:\n")[1].trimEnd().split("\n").length, 3);
});

test("a first look tells what is known, what is not, and makes no mistake its own", () => {
  const look = (...argv: string[]) => lookAhead(argv, [OPTIONS]);
  assert.deepEqual(look("--layers", "3", "--recipe", "r.ts", "-h"), {
    given: { recipe: "r.ts" },
    unknown: ["--layers"],
    wantsHelp: true,
  });
  assert.deepEqual(look("train", "--version"), { given: {}, unknown: [], wantsHelp: false });
  assert.deepEqual(look("--epochs"), { given: {}, unknown: [], wantsHelp: false });
});
