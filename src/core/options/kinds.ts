// What each kind of option takes: how text that was typed becomes a value, which stored values pass, and how help calls
// it. Every mistake is a UsageError of one line that names the option, says what it wants and what it got.
import { type Stats, statSync } from "node:fs";
import { extname, isAbsolute, resolve } from "node:path";
import { messageOf, UsageError } from "../errors.js";
import type { OptionKind, OptionValue } from "./row.js";

interface KindRules<K extends OptionKind> {
  /** The value that was given for `flag`. @throws UsageError */
  readonly read: (flag: string, given: unknown, kind: K) => OptionValue;
  /** Whether a stored value is one that {@link read} could have returned. */
  readonly fits: (value: unknown, kind: K) => boolean;
  /** What fits, in words. */
  readonly wanted: (kind: K) => string;
  /** What help calls the value; "" for none. */
  readonly value: string;
}

/** Random numbers take 32 bits of the seed; no other option comes near this. */
const LARGEST_NUMBER = 2 ** 32 - 1;

const absolute = {
  fits: (value: unknown) => typeof value === "string" && isAbsolute(value) && !value.includes("\0"),
  wanted: () => "an absolute path",
};

const KINDS: { readonly [T in OptionKind["type"]]: KindRules<Extract<OptionKind, { type: T }>> } = {
  whole: {
    read: (flag, given, { least, most = LARGEST_NUMBER }) => {
      const text = String(given).trim();
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (value >= least && value <= most) return value;
      const range = value > most ? `of at most ${most}` : `of at least ${least}`;
      throw new UsageError(`${flag} wants a whole number ${range}, got "${given}"`);
    },
    fits: (value, { least, most = LARGEST_NUMBER }) =>
      typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most,
    wanted: ({ least, most = LARGEST_NUMBER }) => `a whole number from ${least} to ${most}`,
    value: "n",
  },
  number: {
    read: (flag, given, { least, most }) => {
      const text = String(given).trim();
      const value = text === "" ? Number.NaN : Number(text);
      if (value >= least && value <= most) return value;
      throw new UsageError(`${flag} wants a number from ${least} to ${most}, got "${given}"`);
    },
    fits: (value, { least, most }) => typeof value === "number" && value >= least && value <= most,
    wanted: ({ least, most }) => `a number from ${least} to ${most}`,
    value: "x",
  },
  choice: {
    read: (flag, given, { of }) => {
      const choice = of.find((name) => name === given);
      if (choice !== undefined) return choice;
      throw new UsageError(`${flag} wants one of ${of.join(", ")}; got "${given}"`);
    },
    fits: (value, { of }) => of.some((name) => name === value),
    wanted: ({ of }) => `one of ${of.join(", ")}`,
    value: "name",
  },
  text: {
    read: (flag, given) => {
      if (typeof given === "string" && given.trim() !== "") return given;
      throw new UsageError(`${flag} wants a text, got "${given}"`);
    },
    fits: (value) => typeof value === "string" && value !== "",
    wanted: () => "a text",
    value: "text",
  },
  names: {
    read: readNames,
    fits: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((name) => typeof name === "string" && name !== ""),
    wanted: () => "a list of names",
    value: "list",
  },
  file: {
    read: (flag, given, { endings }) => {
      const path = absolutePath(flag, given);
      const found = look(flag, path);
      if (found === null) throw new UsageError(`${flag}: there is no file ${path}`);
      if (!found.isFile()) throw new UsageError(`${flag} wants a file, and ${path} is not one`);
      if (endings === undefined || endings.includes(extname(path))) return path;
      throw new UsageError(`${flag} wants a ${inWords(endings)} file, got ${path}`);
    },
    ...absolute,
    value: "file",
  },
  folder: {
    read: (flag, given) => {
      const path = absolutePath(flag, given);
      if (look(flag, path)?.isDirectory() !== false) return path;
      throw new UsageError(`${flag} wants a folder, and ${path} is a file`);
    },
    ...absolute,
    value: "dir",
  },
  switch: {
    read: (flag, given, { on }) => {
      if (typeof given !== "boolean") throw new UsageError(`${flag} wants true or false, got "${given}"`);
      return given && on !== undefined ? on : given;
    },
    fits: (value, { on }) => (on === undefined ? typeof value === "boolean" : value === on),
    wanted: ({ on }) => on ?? "true or false",
    value: "",
  },
};

/** The types of kinds that there are. */
export const KIND_TYPES: readonly string[] = Object.keys(KINDS);

/** The value that was given for `flag`. @throws UsageError */
export function readGivenValue(flag: string, given: unknown, kind: OptionKind): OptionValue {
  return rulesOf(kind).read(flag, given, kind);
}

/** Whether a stored value is of the kind. */
export function fitsKind(value: unknown, kind: OptionKind): boolean {
  return rulesOf(kind).fits(value, kind);
}

/** What fits the kind, in words: `a whole number from 1 to 1024`. */
export function wantedWords(kind: OptionKind): string {
  return rulesOf(kind).wanted(kind);
}

/** What help calls a value of the kind; "" for none. */
export function valueName(kind: OptionKind): string {
  return rulesOf(kind).value;
}

function rulesOf<K extends OptionKind>(kind: K): KindRules<K> {
  // Each kind has the rules of its own type, which the checker cannot follow through a lookup.
  return KINDS[kind.type] as unknown as KindRules<K>;
}

function readNames(
  flag: string,
  given: unknown,
  { once }: Extract<OptionKind, { type: "names" }>,
): readonly string[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : String(given).split(",");
  const names = list.map((name) => String(name).trim());
  if (names.length === 0 || names.includes("")) {
    throw new UsageError(`${flag} wants names with a comma between them, got "${list.join(",")}"`);
  }
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (once === undefined || twice === undefined) return names;
  throw new UsageError(`${flag} names "${twice}" twice; ${once}`);
}

function absolutePath(flag: string, given: unknown): string {
  const text = String(given);
  if (text.trim() === "") throw new UsageError(`${flag} wants a path, got ""`);
  return resolve(text);
}

/** What is at the path, or null when there is nothing. */
function look(flag: string, path: string): Stats | null {
  try {
    return statSync(path);
  } catch (error) {
    // Not throwIfNoEntry: from Node 22 on it also hides that a part of the path is a file.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new UsageError(`${flag}: cannot use ${path} (${messageOf(error)})`);
  }
}

function inWords(endings: readonly string[]): string {
  return endings.join(", ").replace(/, ([^,]*)$/, " or $1");
}
