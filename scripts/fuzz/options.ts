// The command line's arguments, and the options that a program gives: checked options, or one line that helps.
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseArguments } from "../../src/launcher/commands/command-line.js";
import {
  type LaunchOptions,
  resolveOptions,
  type WantedOptions,
} from "../../src/launcher/options/resolve.js";
import { utf8 } from "./bytes.js";
import type { Target } from "./target.js";

const env = { HOME: "/nonexistent", XDG_CACHE_HOME: "/nonexistent/cache" };

const numbers = [
  "gpus",
  "workers",
  "epochs",
  "batchSize",
  "seed",
  "timeout",
  "checkpointEvery",
  "maxRestarts",
];
const texts = ["device", "stages", "recipe", "dataset", "dataDir", "initFrom", "logdir", "onNan"];
const switches = ["overwrite", "quiet", "verbose", "progress"];
const flags = [...numbers, ...texts, ...switches].map(flagOf);

const value = fc.oneof(
  fc.constantFrom("0", "1", "2", "-1", "1e3", "4294967296", "0x10", "", " ", "NaN", "auto", "wasm", "mnist"),
  fc.constantFrom("freezed,unfreezed", ",", "a,a", "/", ".", "/etc/passwd", "/etc/passwd/x", "a\0b", "a\nb"),
  fc.constantFrom("../".repeat(60), "x".repeat(5000), "__proto__", "constructor", "toString", "stop", "skip"),
  fc.string({ unit: "binary", maxLength: 12 }),
);

/** What is right, so that most options are checked although one is wrong. */
const right = fc.subarray(
  Object.entries({
    ...{ gpus: 2, workers: "2", epochs: "3", batchSize: 32, seed: 0, timeout: " 5 ", checkpointEvery: 10 },
    ...{ maxRestarts: 1, device: "wasm", stages: "freezed, unfreezed", dataset: "digits", onNan: "skip" },
    ...{ dataDir: "/nonexistent", logdir: "logs/x", overwrite: true, quiet: true, progress: false },
  }),
);
const wrong = fc.oneof(
  fc.tuple(fc.constantFrom(...numbers), fc.oneof(value, fc.double(), fc.integer())),
  fc.tuple(fc.constantFrom(...texts), value),
  fc.tuple(fc.constant("stages"), fc.array(value, { maxLength: 4 })),
  fc.tuple(fc.constantFrom(...switches), fc.boolean()),
);
/** Of the types that LaunchOptions names; JSON has no NaN, so that comes as null. */
const given = fc
  .tuple(right, fc.array(wrong, { maxLength: 3 }))
  .map(([some, others]) => Object.fromEntries([...some, ...others]));

const argument = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...flags, "--no-progress") },
  { weight: 6, arbitrary: value },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...flags), value).map(([flag, text]) => `${flag}=${text}`),
  },
  { weight: 1, arbitrary: fc.constantFrom("train", "resume", "--", "-", "-x", "--gpu", "---") },
);
/** Help and version are for people: they print, and nothing is resolved. */
const argv = fc
  .tuple(right, fc.array(argument, { maxLength: 3 }))
  .map(([some, others]) => [...some.flatMap(([key, one]) => typed(key, one)), ...others]);
const isForPeople = (text: string) => ["--help", "-h", "--version"].includes(text);

export const options: Target = {
  name: "options",
  inputs: given.map((some) => utf8(JSON.stringify(some))),
  names: /--[a-z]/,
  read(input) {
    return check(resolveOptions(withoutNulls(JSON.parse(new TextDecoder().decode(input))), env));
  },
};

export const commandLine: Target = {
  name: "command",
  inputs: argv.map((list) => utf8(JSON.stringify(list.filter((text) => !isForPeople(text))))),
  names: /--[a-z]/,
  read(input) {
    const parsed = parseArguments(JSON.parse(new TextDecoder().decode(input)));
    assert.ok(parsed !== null);
    return check(resolveOptions(parsed, env));
  },
};

/** An option as it is typed. */
function typed(key: string, one: unknown): readonly string[] {
  if (one === false) return [`--no-${key}`];
  return one === true ? [flagOf(key)] : [flagOf(key), String(one)];
}

function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function check(wanted: WantedOptions): boolean {
  const { workers, epochs, checkpointEvery, batchSize, seed, timeoutSeconds, maxRestarts, stages } = wanted;
  for (const number of [batchSize, seed, timeoutSeconds, maxRestarts]) isWhole(number);
  for (const number of [workers, epochs, checkpointEvery]) if (number !== null) isWhole(number);
  for (const path of [wanted.recipe, wanted.initFrom, wanted.logdir, wanted.dataDir]) {
    assert.ok(path === null || path.startsWith("/"), `${path} is not absolute`);
  }
  assert.ok(stages === null || stages.every((stage) => stage !== ""));
  return true;
}

function isWhole(number: number): void {
  assert.ok(Number.isInteger(number) && number >= 0 && number < 2 ** 32, `${number} is not a whole number`);
}

function withoutNulls(some: Record<string, unknown>): LaunchOptions {
  return Object.fromEntries(Object.entries(some).filter(([, one]) => one !== null));
}
