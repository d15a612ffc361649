// A recipe's own options: rows like the trainer's, which its class declares as `static options`. Its values arrive in
// `this.config` and in `prepareData`, beside the trainer's.
import { UsageError } from "../errors.js";
import { fitsKind, KIND_TYPES } from "./kinds.js";
import { isCacheFolder, type OptionKind, type OptionRow, type OptionRows, storedKey } from "./row.js";
import { OPTIONS } from "./table.js";

/** Rows as a recipe writes them, with the types of their values: `static options = defineOptions({ ... })`. */
export function defineOptions<const Rows extends OptionRows>(rows: Rows): Rows {
  return rows;
}

/** Other names of `this.config`. */
const RESERVED = ["rank", "localRank", "worldSize", "prepared", "help", "version"];
const FIELDS = ["kind", "help", "default", "defaultHelp", "value", "allowedOnResume"];

/**
 * Checks what a recipe declares as its options: it is code of the user's own, and may be plain JavaScript.
 * @throws UsageError naming the recipe's option, also when it would be one of the trainer's.
 */
export function checkRecipeOptions(rows: unknown): OptionRows {
  if (!isRecord(rows))
    throw new UsageError("the recipe's static options must be an object of options by name");
  const taken = new Set([
    ...RESERVED,
    ...Object.entries<OptionRow>(OPTIONS).flatMap(([key, row]) => [key, storedKey(key, row) ?? key]),
  ]);
  for (const [key, row] of Object.entries(rows)) {
    const name = `the recipe's option "${key}"`;
    if (taken.has(key)) throw new UsageError(`${name} has a name of the trainer's: give it another`);
    if (!/^[a-z][a-zA-Z0-9]*$/.test(key) || /^no[A-Z]/.test(key)) {
      throw new UsageError(`${name} wants a name in camelCase that does not begin with "no"`);
    }
    checkRow(name, row);
  }
  return rows as OptionRows;
}

function checkRow(name: string, row: unknown): void {
  if (!isRecord(row)) throw new UsageError(`${name} wants { kind, help, default }`);
  const stranger = Object.keys(row).find((field) => !FIELDS.includes(field));
  if (stranger !== undefined) {
    throw new UsageError(`${name} has no field "${stranger}"; its fields are: ${FIELDS.join(", ")}`);
  }
  const { kind, help, allowedOnResume = false, defaultHelp = "", value = "" } = row;
  if (!isKind(kind))
    throw new UsageError(`${name} wants a kind of type ${KIND_TYPES.join(", ")}, with its fields`);
  if (typeof help !== "string" || (help.trim() === "" && kind.type !== "choice")) {
    throw new UsageError(`${name} wants a help text`);
  }
  if (typeof defaultHelp !== "string" || typeof value !== "string" || typeof allowedOnResume !== "boolean") {
    throw new UsageError(
      `${name} wants texts for defaultHelp and value, and true or false for allowedOnResume`,
    );
  }
  const isFolder = kind.type === "folder" && isCacheFolder(row.default as OptionRow["default"]);
  if (row.default !== null && !isFolder && !fitsKind(row.default, kind)) {
    throw new UsageError(
      `${name} wants a default of its own kind or null, not ${JSON.stringify(row.default)}`,
    );
  }
  if (row.default === null && kind.type === "switch")
    throw new UsageError(`${name} wants true or false as default`);
}

function isKind(kind: unknown): kind is OptionKind {
  if (!isRecord(kind) || !KIND_TYPES.includes(String(kind.type))) return false;
  const isTexts = (list: unknown) => Array.isArray(list) && list.every((text) => typeof text === "string");
  const { type, least, most, of, endings, on, once } = kind;
  if (type === "whole")
    return Number.isSafeInteger(least) && (most === undefined || Number.isSafeInteger(most));
  if (type === "number") return Number.isFinite(least) && Number.isFinite(most);
  if (type === "choice") return isTexts(of) && (of as readonly string[]).length > 0;
  if (type === "file") return endings === undefined || isTexts(endings);
  if (type === "names") return once === undefined || typeof once === "string";
  return type !== "switch" || on === undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
