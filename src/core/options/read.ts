// From what was given, or stored, to checked options, by the rows of a table. No file is created here.
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { UsageError } from "../errors.js";
import { fitsKind, readGivenValue, wantedWords } from "./kinds.js";
import {
  type CacheFolder,
  flagOf,
  type Given,
  isCacheFolder,
  type OptionRow,
  type OptionRows,
  type OptionValue,
  storedKey,
  type WantedValues,
} from "./row.js";

/**
 * Checks what was given and fills in the defaults.
 * @throws UsageError naming the first option that is wrong.
 */
export function readGiven<Rows extends OptionRows>(
  rows: Rows,
  given: object,
  env: NodeJS.ProcessEnv,
): WantedValues<Rows> {
  const values: Record<string, OptionValue> = {};
  for (const [key, row] of Object.entries<OptionRow>(rows)) {
    const name = storedKey(key, row);
    if (name !== null) values[name] = defaultOf(row, env);
  }
  return Object.assign(values, readChosen(rows, given)) as WantedValues<Rows>;
}

/** The options that something was said of. */
export type Chosen<Rows extends OptionRows> = Partial<WantedValues<Rows>>;

/**
 * Checks what was given, and returns the options that it says something of.
 * @throws UsageError as {@link readGiven}.
 */
export function readChosen<Rows extends OptionRows>(rows: Rows, given: object): Chosen<Rows> {
  const all: Given = { ...given };
  const chosen: Record<string, OptionValue> = {};
  const flags: Record<string, string> = {};
  for (const [key, row] of Object.entries<OptionRow>(rows)) {
    const name = storedKey(key, row);
    if (name === null || all[key] === undefined) continue;
    const flag = flagOf(key);
    const value = readGivenValue(flag, all[key], row.kind);
    // A switch for one of several values that is off says nothing.
    if (row.kind.type === "switch" && row.kind.on !== undefined && value === false) continue;
    if (name in flags && chosen[name] !== value)
      throw disagreement(flags[name], chosen[name], flag, value, row);
    flags[name] = flag;
    chosen[name] = value;
  }
  // Built from these rows, name by name.
  return chosen as Chosen<Rows>;
}

/** Refuses what a resumed run may not be given. @throws UsageError naming the flag. */
export function refuseFixed(given: object, rows: OptionRows): void {
  const all: Given = { ...given };
  for (const [key, { allowedOnResume }] of Object.entries(rows)) {
    if (all[key] === undefined || allowedOnResume === true) continue;
    throw new UsageError(`a resumed run goes on with its own options: leave ${flagOf(key)} out`);
  }
}

/** Refuses what no table has. @throws UsageError naming the flag. */
export function refuseUnknown(given: object, tables: readonly OptionRows[]): void {
  const isKnown = (key: string) => tables.some((rows) => Object.hasOwn(rows, key));
  const stranger = Object.entries(given).find(([key, value]) => value !== undefined && !isKnown(key));
  if (stranger !== undefined)
    throw new UsageError(`unknown option '${flagOf(stranger[0])}'; see ddp-train --help`);
}

/** How a stored option is checked: whether a value could have come from the rows of its name, and what would fit. */
export interface StoredRule {
  readonly fits: (value: unknown) => boolean;
  readonly wanted: string;
}

/** The rule of each checked option of a table, by its name. */
export function storedRules(rows: OptionRows): ReadonlyMap<string, StoredRule> {
  const rules = new Map<string, StoredRule>();
  for (const name of new Set(Object.entries(rows).map(([key, row]) => storedKey(key, row)))) {
    if (name === null) continue;
    const own = Object.entries(rows).flatMap(([key, row]) => (storedKey(key, row) === name ? [row] : []));
    const isPlain = (row: OptionRow) => row.filledIn !== true && typeof row.default !== "object";
    rules.set(name, {
      fits: (value) => own.some((row) => fitsKind(value, row.kind) || isDefault(value, row)),
      wanted: [
        ...new Set([
          ...own.map(({ kind }) => wantedWords(kind)),
          ...own.flatMap((row) =>
            isPlain(row) && !fitsKind(row.default, row.kind) ? [String(row.default)] : [],
          ),
          ...(own.some((row) => isDefault(null, row)) ? ["null"] : []),
        ]),
      ].join(" or "),
    });
  }
  return rules;
}

/** Null passes where it is the option's value, and not a gap that the launcher fills. */
function isDefault(value: unknown, row: OptionRow): boolean {
  return value === row.default && (value !== null || row.filledIn !== true);
}

function defaultOf({ default: value }: OptionRow, env: NodeJS.ProcessEnv): OptionValue {
  return isCacheFolder(value) ? cacheFolder(value, env) : value;
}

function cacheFolder({ env: variable, name }: CacheFolder, env: NodeJS.ProcessEnv): string {
  const chosen = env[variable];
  return chosen ? resolve(chosen) : resolve(env.XDG_CACHE_HOME || join(homedir(), ".cache"), name);
}

function disagreement(
  flag: string,
  value: OptionValue,
  otherFlag: string,
  otherValue: OptionValue,
  { kind }: OptionRow,
): UsageError {
  return new UsageError(
    kind.type === "switch"
      ? `${flag} and ${otherFlag} contradict each other: give one of them`
      : `${flag} ${value} and ${otherFlag} ${otherValue} disagree: they mean the same, give one of them`,
  );
}
