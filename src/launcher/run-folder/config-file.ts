// config.json: how a run was started, and each time it was resumed. Reading trusts nothing: the file may be damaged or
// a stranger's, so every field is checked, what the command line would not let pass is refused, and it is data only.
import { join } from "node:path";
import {
  DATASETS,
  DEVICES,
  ENGINES,
  type EngineName,
  ON_NAN,
  type TrainOptions,
} from "../../core/options.js";
import { WIRES } from "../../core/process-group.js";
import type { EngineChoice, Prepared } from "../../core/protocol.js";
import type { Json } from "../../core/state.js";
import { LARGEST_NUMBER, MOST_WORKERS } from "../options/resolve.js";
import {
  absolutePath,
  anything,
  type Check,
  fields,
  flag,
  listOf,
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
  readonly options: TrainOptions;
  readonly engine: EngineName;
  readonly recipe: string;
  readonly stages: readonly string[];
  readonly data: Json;
  /** Number of workers when the run was last started or resumed. */
  readonly worldSize: number;
  /** The file's whole content. */
  readonly content: Readonly<Record<string, unknown>>;
}

const positive = whole(1, LARGEST_NUMBER);
const workers = whole(1, MOST_WORKERS);

/** Each option's check; on disk its name is in snake_case. */
const OPTIONS: { readonly [K in keyof TrainOptions]: Check<TrainOptions[K]> } = {
  workers,
  device: oneOf(DEVICES),
  stages: orNull(listOf(text)),
  recipe: orNull(absolutePath),
  epochs: orNull(positive),
  batchSize: positive,
  dataset: oneOf(DATASETS),
  dataDir: absolutePath,
  initFrom: orNull(absolutePath),
  logdir: absolutePath,
  overwrite: flag,
  seed: whole(0, LARGEST_NUMBER),
  verbosity: oneOf(["quiet", "normal", "verbose"]),
  progress: flag,
  timeoutSeconds: positive,
  checkpointEvery: orNull(positive),
  onNan: oneOf(ON_NAN),
  wire: oneOf(WIRES),
  bucketMb: positive,
  maxRestarts: whole(0, LARGEST_NUMBER),
};

const CONFIG = {
  started: text,
  versions: record(text),
  recipe: text,
  stages: listOf(text),
  world_size: workers,
  engine: fields({
    engine: oneOf(ENGINES),
    description: text,
    skipped: listOf(fields({ engine: oneOf(ENGINES), reason: text })),
  }),
  options: fields(Object.fromEntries(Object.entries(OPTIONS).map(([key, each]) => [snakeCase(key), each]))),
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
  const { content, checked } = readJson(join(logdir, "config.json"), fields(CONFIG));
  const options = Object.keys(OPTIONS).map((key) => [key, checked.options[snakeCase(key)]]);
  return {
    // OPTIONS has checked each of them, by name.
    options: Object.fromEntries(options) as TrainOptions,
    engine: checked.engine.engine,
    recipe: checked.recipe,
    stages: checked.stages,
    data: checked.data,
    worldSize: checked.resumed?.at(-1)?.world_size ?? checked.world_size,
    content,
  };
}

/** The config.json of a new run. */
export function newConfig(
  options: TrainOptions,
  engine: EngineChoice,
  prepared: Prepared,
  now: Date,
): object {
  const { recipe, stages, data } = prepared;
  return {
    started: now.toISOString(),
    versions: versions(),
    recipe,
    stages,
    world_size: options.workers,
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

/** The option's name as it is on disk: `batch_size`. */
function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
