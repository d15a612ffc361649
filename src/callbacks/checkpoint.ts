// Saves a checkpoint every epoch, keeps the best and the last, and reloads them at a stage's start.
import { join } from "node:path";
import { parseState } from "../checkpoint/format.js";
import { CheckpointStore, type CheckpointStoreOptions } from "../checkpoint/store.js";
import { type Callback, CallbackOrder } from "../core/callback.js";
import { type RunContext, STATE_PARTS, type StatePart } from "../core/context.js";
import { UsageError } from "../core/errors.js";
import { CHECKPOINTS_FOLDER } from "../core/run-files.js";

/**
 * Where to load from. A string (`best`, `last` or a path) stands for the model's weights alone, `best_full` and
 * `last_full` for every part; a map names a source for each part.
 */
export type LoadSource = string | Readonly<Partial<Record<StatePart, string>>>;

export interface CheckpointOptions extends CheckpointStoreOptions {
  /** What to load when a later stage starts. Nothing by default. */
  readonly loadOnStageStart?: LoadSource;
  /** What to load when a stage ends. Nothing by default. */
  readonly loadOnStageEnd?: LoadSource;
}

/**
 * Rank 0 writes and reads the files in `<logdir>/checkpoints`; what it read goes to the other ranks over the group,
 * which need not see its disk.
 */
export class CheckpointCallback implements Callback {
  readonly order = CallbackOrder.external;
  readonly #logdir: string;
  readonly #options: CheckpointOptions;
  #store: CheckpointStore | null = null;

  constructor(logdir: string, options: CheckpointOptions) {
    this.#logdir = logdir;
    this.#options = options;
    checkSource(options.loadOnStageStart, "loadOnStageStart");
    checkSource(options.loadOnStageEnd, "loadOnStageEnd");
  }

  async onStageStart(context: RunContext): Promise<void> {
    if (context.group.rank === 0) {
      this.#store = new CheckpointStore(join(this.#logdir, CHECKPOINTS_FOLDER), this.#options);
      if (context.resumed) this.#store.rewind(context.resumed.globalEpochStep);
      context.checkpoints.best = this.#store.best;
      context.checkpoints.last = this.#store.last;
    }
    if (context.stageIndex > 0) await this.#load(context, this.#options.loadOnStageStart);
  }

  async onSave(context: RunContext): Promise<void> {
    const state = await context.stateDict();
    if (this.#store && state) {
      if (state.midEpoch) this.#store.saveLast(state);
      else this.#store.save(state);
      context.checkpoints.best = this.#store.best;
      context.checkpoints.last = this.#store.last;
    }
    // Nobody goes on before the files are there: a rank that loads must not find the epoch before.
    await context.group.barrier();
  }

  async onStageEnd(context: RunContext): Promise<void> {
    await this.#load(context, this.#options.loadOnStageEnd);
  }

  async #load(context: RunContext, source: LoadSource | undefined): Promise<void> {
    if (source === undefined) return;
    for (const [reference, parts] of partsByReference(source)) {
      const bytes = this.#store ? this.#store.read(reference) : new Uint8Array();
      const state = parseState(await context.group.broadcast(bytes), reference);
      await context.loadStateDict(state, parts);
      if (this.#store) {
        context.log.info(`loaded ${parts.join(", ")} from ${this.#store.resolve(reference)}`);
      }
    }
  }
}

/** Groups the parts by where they come from, so that each file is read and sent once. */
function partsByReference(source: LoadSource): Map<string, StatePart[]> {
  if (typeof source === "string") {
    return new Map([[source, source.endsWith("_full") ? [...STATE_PARTS] : ["model"]]]);
  }
  const groups = new Map<string, StatePart[]>();
  for (const part of STATE_PARTS) {
    const reference = source[part];
    if (reference !== undefined) groups.set(reference, [...(groups.get(reference) ?? []), part]);
  }
  return groups;
}

function checkSource(source: LoadSource | undefined, option: string): void {
  if (source === undefined || typeof source === "string") return;
  for (const part of Object.keys(source)) {
    if ((STATE_PARTS as readonly string[]).includes(part)) continue;
    throw new UsageError(`CheckpointCallback: ${option} knows ${STATE_PARTS.join(", ")}, not "${part}"`);
  }
}
