// Reading a run's files. They may be damaged, or a stranger's: what is missing is null, what is there and is not what
// it should be is refused, with the file and the field named.
import { readFileSync, statSync } from "node:fs";
import { messageOf, UsageError } from "../../core/errors.js";

/** Bytes: a text of Node's has no more. */
const LARGEST_FILE = 500 * 2 ** 20;

/** The file's text; null when there is no such file. @throws UsageError naming the file. */
export function readText(path: string): string | null {
  try {
    const found = statSync(path);
    if (!found.isFile()) throw new UsageError(`${path} is not a file: name the log folder of a run`);
    if (found.size > LARGEST_FILE)
      throw new UsageError(`${path} has ${found.size} bytes: too many to report`);
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new UsageError(`cannot read ${path}: ${messageOf(error)}`);
  }
}

/** The object in a JSON file; null when there is no such file. @throws UsageError naming the file. */
export function readFields(path: string): Fields | null {
  const text = readText(path);
  if (text === null) return null;
  try {
    return fieldsOf(JSON.parse(text), path, "");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${path} is damaged: ${messageOf(error)}`);
  }
}

/** An object out of a file. Every question is answered by what was asked for, or by null where there is nothing. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #place: string;

  constructor(values: Readonly<Record<string, unknown>>, path: string, place: string) {
    this.#values = values;
    this.#path = path;
    this.#place = place;
  }

  get keys(): string[] {
    return Object.keys(this.#values);
  }

  /** As it is. */
  value(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? this.#values[key] : null;
  }

  /** @throws UsageError naming the field, as do all that follow. */
  text(key: string): string | null {
    const value = this.value(key);
    return value === null || typeof value === "string" ? value : this.#refuse(key, "a text");
  }

  number(key: string): number | null {
    const value = this.value(key);
    return value === null || typeof value === "number" ? value : this.#refuse(key, "a number");
  }

  fields(key: string): Fields | null {
    const value = this.value(key);
    return value === null ? null : fieldsOf(value, this.#path, this.#placeOf(key));
  }

  texts(key: string): string[] {
    return this.#list(key).map((item) =>
      typeof item === "string" ? item : this.#refuse(key, "a list of texts"),
    );
  }

  list(key: string): Fields[] {
    return this.#list(key).map((item, i) => fieldsOf(item, this.#path, `${this.#placeOf(key)}[${i}]`));
  }

  /** Whether the field is an object. */
  holds(key: string): boolean {
    return isObject(this.value(key));
  }

  /** @throws UsageError that the field should be what `wanted` says. */
  require<T>(key: string, value: T | null, wanted: string): T {
    return value ?? this.#refuse(key, wanted);
  }

  #list(key: string): readonly unknown[] {
    const value = this.value(key) ?? [];
    return Array.isArray(value) ? value : this.#refuse(key, "a list");
  }

  #placeOf(key: string): string {
    return this.#place === "" ? key : `${this.#place}.${key}`;
  }

  #refuse(key: string, wanted: string): never {
    throw new UsageError(`${this.#path} is not a run's: ${this.#placeOf(key)} wants ${wanted}`);
  }
}

function fieldsOf(value: unknown, path: string, place: string): Fields {
  if (isObject(value)) return new Fields(value, path, place);
  throw new UsageError(`${path} is not a run's: ${place || "the file"} wants an object`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
