// The contract of a learning-rate scheduler, as the recipe's getScheduler returns it.
import type { Json } from "./state.js";

/** Changes an optimizer's learning rate once an epoch (or once a batch, as its callback is set). */
export interface Scheduler {
  /** Moves on by one step; `metric` is given where the callback names one. */
  step(metric?: number): void;
  stateDict(): Json;
  loadStateDict(state: Json): void;
}
