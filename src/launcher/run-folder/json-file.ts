// Small JSON files that are read back: checks that name the field that does not fit, and what it should have been.
import { readFileSync, statSync } from "node:fs";
import { messageOf, UsageError } from "../../core/errors.js";
import type { Json } from "../../core/state.js";

/** Returns the value as what it was checked to be; `name` is its place in the file: `options.batch_size`. */
export type Check<T> = (value: unknown, name: string) => T;

/** Bytes: ours have a few thousand. */
const LARGEST_FILE = 2 ** 20;

/** A field that does not fit. */
class Misfit extends Error {}

/**
 * Reads a file and checks it. `content` is the whole of it, as it is.
 * @throws UsageError naming the file and, where it is one, the field.
 */
export function readJson<T>(
  path: string,
  whole: Check<T>,
): { readonly content: Readonly<Record<string, unknown>>; readonly checked: T } {
  return naming(path, () => {
    const found = statSync(path);
    if (!found.isFile()) throw new Misfit("is not a file");
    if (found.size > LARGEST_FILE) throw new Misfit(`has ${found.size} bytes, far more than a run writes`);
    const content = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    // Nested so deeply that it could not be written again, it throws here.
    JSON.stringify(content);
    return { content, checked: whole(content, "") };
  });
}

/** Runs a check of something out of the file. @throws UsageError naming the file. */
export function naming<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UsageError(`${path}: ${messageOf(error)}`);
  }
}

/** A check by one question; `wanted` says in words what passes. */
export function check<T>(wanted: string, fits: (value: unknown) => value is T): Check<T> {
  return (value, name) => {
    if (fits(value)) return value;
    throw new Misfit(`${name || "the file"} wants ${wanted}, got ${shown(value)}`);
  };
}

export const anything = check("a value", (value): value is Json => value !== undefined);
export const text = check("a text", (value): value is string => typeof value === "string" && value !== "");
export function whole(least: number, most: number): Check<number> {
  return check(
    `a whole number from ${least} to ${most}`,
    (value): value is number =>
      typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most,
  );
}

/** A number of at least 0. */
export const amount = check(
  "a number of at least 0",
  (value): value is number => typeof value === "number" && value >= 0,
);

export function oneOf<T extends string>(choices: readonly T[]): Check<T> {
  return check(`one of ${choices.join(", ")}`, (value): value is T => choices.some((name) => name === value));
}

export function orNull<T>(each: Check<T>): Check<T | null> {
  return (value, name) => (value === null ? null : each(value, name));
}

/** A field that may be missing. */
export function optional<T>(each: Check<T>): Check<T | undefined> {
  return (value, name) => (value === undefined ? undefined : each(value, name));
}

const list = check("a list", (value): value is unknown[] => Array.isArray(value));
const object = check(
  "an object",
  (value): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value),
);

export function listOf<T>(each: Check<T>): Check<readonly T[]> {
  return (value, name) => list(value, name).map((item, i) => each(item, `${name}[${i}]`));
}

/** An object of any keys. */
export function record<T>(each: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, name) => {
    const entries = Object.entries(object(value, name));
    return Object.fromEntries(entries.map(([key, item]) => [key, each(item, `${name}.${key}`)]));
  };
}

/** An object of these fields, and of no others. */
export function fields<S extends Readonly<Record<string, Check<unknown>>>>(
  checks: S,
): Check<{ readonly [K in keyof S]: ReturnType<S[K]> }> {
  return (value, name) => {
    const found = object(value, name);
    const place = (key: string) => (name === "" ? key : `${name}.${key}`);
    const stranger = Object.keys(found).find((key) => !Object.hasOwn(checks, key));
    if (stranger !== undefined) throw new Misfit(`${place(stranger)} is not a field of it`);
    const checked = Object.entries(checks).map(([key, each]) => {
      return [key, each(Object.hasOwn(found, key) ? found[key] : undefined, place(key))];
    });
    return Object.fromEntries(checked) as { readonly [K in keyof S]: ReturnType<S[K]> };
  };
}

/** A value out of the file, for a message: short, and without what a terminal would obey. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const spelled = JSON.stringify(value);
  return spelled.length > 80 ? `${spelled.slice(0, 79)}…` : spelled;
}
