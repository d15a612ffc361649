// An option as a row of a table: plain data that JSON can carry. The command line and its help, the checks of what is
// typed and of what a run has stored, what a resume may change, the fuzzers' inputs and the types below all follow
// from the rows, so that an option is written once.

/** What an option can be once it is checked. */
export type OptionValue = boolean | number | string | readonly string[] | null;

/** What an option takes. */
export type OptionKind =
  /** A whole number; `most` is 2^32 - 1 where it is left out. */
  | { readonly type: "whole"; readonly least: number; readonly most?: number }
  /** Any finite number. */
  | { readonly type: "number"; readonly least: number; readonly most: number }
  | { readonly type: "choice"; readonly of: readonly string[] }
  | { readonly type: "text" }
  /** Names with commas between them; with `once`, which says why, no name twice. */
  | { readonly type: "names"; readonly once?: string }
  /** A file that is there, of one of these extensions (`.ts`); it becomes an absolute path. */
  | { readonly type: "file"; readonly endings?: readonly string[] }
  /** A folder, which need not be there; it becomes an absolute path. */
  | { readonly type: "folder" }
  /** True or false; with `on`, that value or the option's default. */
  | { readonly type: "switch"; readonly on?: string };

/** A folder that depends on the environment: `$<env>`, else `<name>` in the user's cache. */
export interface CacheFolder {
  readonly env: string;
  readonly name: string;
}

/** One option. */
export interface OptionRow {
  readonly kind: OptionKind;
  /** What help says about it: a few words, without its choices and its default, which help adds by itself. */
  readonly help: string;
  /** The value when it is not given; null where there is none. */
  readonly default: OptionValue | CacheFolder;
  /** How help words the default, where the value does not say it. */
  readonly defaultHelp?: string;
  /** How help calls the value: `n` gives `--epochs <n>`. */
  readonly value?: string;
  /** The heading in help. A recipe's own options have the recipe's name there. */
  readonly group?: string;
  /** Whether a resumed run may be given it anew; else it goes on with its own. Default false. */
  readonly allowedOnResume?: boolean;
  /**
   * Its name among the checked options, where that is not the row's: several rows may stand for one option, and must
   * then agree. Null for one that is not kept.
   */
  readonly storedAs?: string | null;
  /** True where null means that the launcher finds a value before training starts. */
  readonly filledIn?: boolean;
}

/** A table: rows by their name in camelCase, which also makes the flag: `batchSize` is `--batch-size`. */
export type OptionRows = Readonly<Record<string, OptionRow>>;

type KindValue<K extends OptionKind, Default> = K extends { type: "whole" | "number" }
  ? number
  : K extends { type: "choice"; of: readonly (infer Choice)[] }
    ? Choice
    : K extends { type: "names" }
      ? readonly string[]
      : K extends { type: "switch"; on: infer On }
        ? On | Default
        : K extends { type: "switch" }
          ? boolean
          : string;

/** What an option is while it may be missing. */
type WantedValue<R extends OptionRow> =
  | KindValue<R["kind"], R["default"]>
  | (null extends R["default"] ? null : never);

type StoredKey<R extends OptionRow, K> = R extends { storedAs: infer Name }
  ? Name extends string
    ? Name
    : never
  : K;

/** The checked options of a table, before the launcher has filled in what only it can tell. */
export type WantedValues<Rows extends OptionRows> = {
  readonly [K in keyof Rows as StoredKey<Rows[K], K>]: WantedValue<Rows[K]>;
};

/** The checked options of a table. */
export type OptionValues<Rows extends OptionRows> = {
  readonly [K in keyof Rows as StoredKey<Rows[K], K>]: Rows[K] extends { filledIn: true }
    ? NonNullable<WantedValue<Rows[K]>>
    : WantedValue<Rows[K]>;
};

type GivenValue<K extends OptionKind> = K extends { type: "whole" | "number" }
  ? number | string
  : K extends { type: "names" }
    ? string | readonly string[]
    : K extends { type: "switch" }
      ? boolean
      : string;

/** What a caller may give: each option or none, numbers also as the text that was typed. */
export type GivenOptions<Rows extends OptionRows> = {
  readonly [K in keyof Rows]?: GivenValue<Rows[K]["kind"]> | undefined;
};

/** Whatever was given, before it is checked. */
export type Given = Readonly<Record<string, unknown>>;

/** Whether a default is a folder that depends on the environment. */
export function isCacheFolder(value: OptionRow["default"]): value is CacheFolder {
  return typeof value === "object" && value !== null && "env" in value && "name" in value;
}

/** `batchSize` as it is typed: `--batch-size`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `batchSize` as it is on disk: `batch_size`. */
export function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The row's name among the checked options, or null when it is not kept. */
export function storedKey(key: string, { storedAs }: OptionRow): string | null {
  return storedAs === undefined ? key : storedAs;
}
