// A callback: everything that trains, measures, saves or prints. Callbacks run in their order at each event of the
// run; on a start event the runner goes first and callbacks follow, on an end event callbacks go first.
import type { RunContext } from "./context.js";
import type { Json, StateDict, StateScope } from "./state.js";

/** Standard places in the order; lower runs first, equal orders keep the recipe's. */
export const CallbackOrder = {
  internal: 0,
  metric: 20,
  aggregation: 40,
  optimizer: 60,
  scheduler: 80,
  external: 100,
  extra: 120,
} as const;

type Hook = (context: RunContext) => void | Promise<void>;

/** Implement the hooks you need. Hooks run on every rank; a hook that communicates must do so on all of them. */
export interface Callback {
  /** Place in the order, see {@link CallbackOrder}. */
  readonly order: number;
  onStageStart?: Hook;
  onEpochStart?: Hook;
  onLoaderStart?: Hook;
  onBatchStart?: Hook;
  /**
   * Right after `handleBatch`, and synchronous: in a train loader this runs while gradients are recorded, so a
   * tensor put into `context.batchTensors` here can be differentiated.
   */
  onForward?: (context: RunContext) => void;
  onBatchEnd?: Hook;
  onLoaderEnd?: Hook;
  onEpochEnd?: Hook;
  /** After an epoch's end, and after a train batch at which a save is due: every callback has its new state. */
  onSave?: Hook;
  onStageEnd?: Hook;
  /**
   * What a resumed run must know of this callback: any JSON, or `{ json, tensors }` where numbers are many. Called on
   * every rank, or on rank 0 alone, as {@link stateScope} says.
   */
  stateDict?: () => Json | StateDict | Promise<Json | StateDict>;
  /** Given, on every rank, what `stateDict` returned: its JSON, or `{ json, tensors }` where it returned that. */
  loadStateDict?(state: Json | StateDict): void | Promise<void>;
  /** `shared` (the default): the state is the same on all ranks, and rank 0's is kept; `rank`: each rank's own is. */
  readonly stateScope?: StateScope;
}
