// The half of an engine that is told without loading it: plain data and pure functions. Launcher and core may ask for
// it, so nothing here, or in an engine's facts.ts, imports anything but such facts.

/** What is true of an engine before it is loaded. */
export interface EngineFacts<Name extends string = string> {
  /** What `--device` calls it. */
  readonly name: Name;
  /** The module of its code, see {@link LoadEngine} in engine.ts; imported only where the engine is to compute. */
  readonly code: URL;
  /** What every worker needs for itself, in the words of a refusal ("NVIDIA GPU"), or null: no GPU. */
  readonly gpu: string | null;
  /** Seconds that a first step may take where that can be longer than a run's own timeout, or null. */
  readonly firstStepSeconds: number | null;
  /** What it means when a process dies of a signal while it loads this engine, with what to do: one line. */
  readonly deaths: Readonly<Partial<Record<NodeJS.Signals, string>>>;
  /**
   * Variables to set (undefined: to unset) in the environment of a process that is to compute on it; libraries read
   * them when they are loaded. A worker, the `localRank`-th of its machine, is pinned to its GPU; a probe (null) sees
   * what the parent sees.
   */
  env(parent: NodeJS.ProcessEnv, localRank: number | null): NodeJS.ProcessEnv;
}
