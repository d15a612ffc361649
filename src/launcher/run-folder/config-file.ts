// config.json: how a run was started, and each time it was resumed. Reading trusts nothing: the file may be damaged or
// a stranger's, so every field is checked, what the command line would not let pass is refused, and it is data only.
import { join } from "node:path";
import { storedRules } from "../../core/options/read.js";
import { type OptionRows, type OptionValue, snakeCase } from "../../core/options/row.js";
import {
  ENGINES,
  type EngineName,
  MOST_WORKERS,
  OPTIONS,
  type TrainerOptions,
} from "../../core/options/table.js";
import type { EngineChoice, Prepared } from "../../core/protocol.js";
import { CONFIG_FILE } from "../../core/run-files.js";
import type { Json } from "../../core/state.js";
import { type Topology, worldSizeOf } from "../../core/topology.js";
import { MNIST_OPTIONS } from "../../recipes/mnist-options.js";
import type { OwnValues } from "../options/resolve.js";
import {
  anything,
  type Check,
  check,
  fields,
  listOf,
  naming,
  oneOf,
  optional,
  orNull,
  readJson,
  record,
  text,
  whole,
} from "./json-file.js";
import { versions } from "./versions.js";

export interface RunConfig {
  /** The trainer's options. */
  readonly options: TrainerOptions;
  /** The recipe's own options, checked by its rows. @throws UsageError naming the file and the option. */
  readonly own: (rows: OptionRows) => OwnValues;
  readonly engine: EngineName;
  readonly recipe: string;
  readonly stages: readonly string[];
  /** SHA-256 of the recipe's file; null for a built-in recipe, and where an earlier version wrote the file. */
  readonly source: string | null;
  readonly data: Json;
  /** Number of workers when the run was last started or resumed. */
  readonly worldSize: number;
  /** The file's whole content. */
  readonly content: Readonly<Record<string, unknown>>;
}

const workers = whole(1, MOST_WORKERS);

const CONFIG = {
  started: text,
  versions: record(text),
  recipe: text,
  stages: listOf(text),
  recipe_sha256: optional(orNull(text)),
  world_size: workers,
  engine: fields({
    engine: oneOf(ENGINES),
    description: text,
    skipped: listOf(fields({ engine: oneOf(ENGINES), reason: text })),
  }),
  options: record(anything),
  data: anything,
  resumed: optional(
    listOf(
      fields({
        time: text,
        from: orNull(text),
        versions: record(text),
        world_size: workers,
        engine: oneOf(ENGINES),
      }),
    ),
  ),
};

/**
 * Reads the config.json of a log folder.
 * @throws UsageError naming the file, and the field that does not fit.
 */
export function readConfig(logdir: string): RunConfig {
  const path = join(logdir, CONFIG_FILE);
  const { content, checked } = readJson(path, fields(CONFIG));
  const isTrainers = (name: string) => Object.hasOwn(TRAINER, name);
  const part = (holds: (name: string) => boolean) =>
    Object.fromEntries(Object.entries(checked.options).filter(([name]) => holds(name)));
  const own = (rows: OptionRows) =>
    naming(path, () =>
      checkOptions(
        storedChecks(rows),
        part((name) => !isTrainers(name)),
      ),
    );
  // Checked by the rows that the type follows from.
  const options = naming(path, () => checkOptions(TRAINER, part(isTrainers))) as unknown as TrainerOptions;
  // What the built-in recipe has is known; another recipe has to be asked first.
  if (options.recipe === null) own(MNIST_OPTIONS);
  return {
    options,
    own,
    engine: checked.engine.engine,
    recipe: checked.recipe,
    stages: checked.stages,
    source: checked.recipe_sha256 ?? null,
    data: checked.data,
    worldSize: checked.resumed?.at(-1)?.world_size ?? checked.world_size,
    content,
  };
}

type OptionChecks = Readonly<Record<string, Check<OptionValue>>>;

/** A check for each option of a table, by its name on disk. */
function storedChecks(rows: OptionRows): OptionChecks {
  const checks = [...storedRules(rows)].map(([name, { wanted, fits }]) => {
    return [snakeCase(name), check(wanted, (value): value is OptionValue => fits(value))] as const;
  });
  return Object.fromEntries(checks);
}

const TRAINER = storedChecks(OPTIONS);

/** Options by their names in camelCase. */
function checkOptions(checks: OptionChecks, part: Readonly<Record<string, unknown>>): OwnValues {
  const entries = Object.entries(fields(checks)(part, "options"));
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

/** The config.json of a new run. */
export function newConfig(
  options: TrainerOptions,
  topology: Topology,
  engine: EngineChoice,
  prepared: Prepared,
  now: Date,
): object {
  const { recipe, stages, source, data } = prepared;
  return {
    started: now.toISOString(),
    versions: versions(),
    recipe,
    stages,
    recipe_sha256: source,
    world_size: worldSizeOf(topology),
    engine,
    options: Object.fromEntries(Object.entries(options).map(([key, value]) => [snakeCase(key), value])),
    data,
  };
}

/** A process that goes on with a run. */
export interface Resumption {
  readonly time: Date;
  /** The checkpoint, or null when there was none yet. */
  readonly from: string | null;
  readonly worldSize: number;
  readonly engine: EngineName;
}

/** The config.json of a run that goes on: the same, with an entry more in `resumed`. */
export function resumedConfig({ content }: RunConfig, resumption: Resumption): object {
  const earlier = (content.resumed ?? []) as readonly object[];
  const { time, from, worldSize, engine } = resumption;
  const entry = { time: time.toISOString(), from, versions: versions(), world_size: worldSize, engine };
  return { ...content, resumed: [...earlier, entry] };
}
