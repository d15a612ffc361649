// The command line's arguments, and the options that a program gives: checked options, or one line that helps. Every
// option of the tables is fed.
import assert from "node:assert/strict";
import fc from "fast-check";
import { storedRules } from "../../src/core/options/read.js";
import { flagOf, type OptionRow, storedKey } from "../../src/core/options/row.js";
import { OPTIONS } from "../../src/core/options/table.js";
import { parseArguments } from "../../src/launcher/commands/parser.js";
import { train } from "../../src/launcher/commands/train.js";
import { resolveOptions, resolveOwn } from "../../src/launcher/options/resolve.js";
import { MNIST_OPTIONS } from "../../src/recipes/mnist-options.js";
import { utf8 } from "./bytes.js";
import type { Target } from "./target.js";

const env = { HOME: "/nonexistent", XDG_CACHE_HOME: "/nonexistent/cache" };

const rows: Readonly<Record<string, OptionRow>> = { ...OPTIONS, ...MNIST_OPTIONS };
const keys = Object.keys(rows);
const flags = keys.map(flagOf);

const value = fc.oneof(
  fc.constantFrom("0", "1", "2", "-1", "1e3", "4294967296", "0x10", "", " ", "NaN", "auto", "wasm", "mnist"),
  fc.constantFrom("freezed,unfreezed", ",", "a,a", "/", ".", "/etc/passwd", "/etc/passwd/x", "a\0b", "a\nb"),
  fc.constantFrom("../".repeat(60), "x".repeat(5000), "__proto__", "constructor", "toString", "stop", "skip"),
  fc.string({ unit: "binary", maxLength: 12 }),
);

/** What is right, so that most options are checked although one is wrong. */
const right = fc.subarray(keys.flatMap((key) => rightFor(key, rows[key])));
const wrong = fc
  .constantFrom(...keys)
  .chain((key) => wrongFor(rows[key]).map((some) => [key, some] as const));
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
  { weight: 1, arbitrary: fc.constantFrom("train", "--", "-", "-x", "--gpu", "---") },
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
    return check(withoutNulls(JSON.parse(new TextDecoder().decode(input))));
  },
};

export const commandLine: Target = {
  name: "command",
  inputs: argv.map((list) => utf8(JSON.stringify(list.filter((text) => !isForPeople(text))))),
  names: /--[a-z]/,
  read(input) {
    const more = [{ title: "Recipe mnist", rows: MNIST_OPTIONS }];
    const parsed = parseArguments(JSON.parse(new TextDecoder().decode(input)), train, more);
    assert.ok(parsed !== null);
    return check(parsed);
  },
};

/** A good value of an option, but for files, which would have to be there. */
function rightFor(key: string, { kind }: OptionRow): readonly (readonly [string, unknown])[] {
  if (kind.type === "whole") return [[key, ` ${Math.max(kind.least, 2)} `]];
  if (kind.type === "number") return [[key, String(kind.least)]];
  if (kind.type === "choice") return [[key, kind.of.at(-1)]];
  if (kind.type === "names") return [[key, "freezed, unfreezed"]];
  if (kind.type === "folder") return [[key, "/nonexistent"]];
  if (kind.type === "text") return [[key, "some"]];
  // Two that contradict each other are rare enough to be left to what is wrong.
  if (kind.type === "switch") return kind.on === "verbose" ? [] : [[key, true]];
  return [];
}

function wrongFor({ kind }: OptionRow): fc.Arbitrary<unknown> {
  if (kind.type === "whole" || kind.type === "number") return fc.oneof(value, fc.double(), fc.integer());
  if (kind.type === "names") return fc.oneof(value, fc.array(value, { maxLength: 4 }));
  return kind.type === "switch" ? fc.boolean() : value;
}

/** An option as it is typed. */
function typed(key: string, one: unknown): readonly string[] {
  if (one === false || (one === true && rows[key].default === true)) return [`--no-${key}`];
  return one === true ? [flagOf(key)] : [flagOf(key), String(one)];
}

/** What comes out is what a run could have stored. */
function check(some: Record<string, unknown>): boolean {
  const checked: Record<string, unknown> = {
    ...resolveOptions(some, env),
    ...resolveOwn(MNIST_OPTIONS, some, env),
  };
  for (const [name, { fits, wanted }] of storedRules(rows)) {
    const isOpen = checked[name] === null && filledIn.has(name);
    assert.ok(isOpen || fits(checked[name]), `${name} is ${checked[name]}, not ${wanted}`);
  }
  return true;
}

const filledIn = new Set(
  Object.entries(rows).flatMap(([key, row]) => (row.filledIn ? [storedKey(key, row)] : [])),
);

function withoutNulls(some: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(some).filter(([, one]) => one !== null));
}
