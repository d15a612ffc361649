// A stage as it runs: what the recipe gave for it, and what the worker keeps beside while it lasts.
import type { Optimizer } from "@tensorflow/tfjs-core";
import type { Callback } from "../../core/callback.js";
import type { Criterion } from "../../core/criterion.js";
import type { Loader } from "../../core/loader.js";
import { type Model, namedParameters, type Parameter } from "../../core/parameters.js";
import type { Scheduler } from "../../core/scheduler.js";
import { alignSlots, disposeOptimizer } from "../../engine/optimizer-state.js";
import { releaseVariables, retainVariables } from "../../engine/release.js";
import { Gradients } from "../gradients/compute.js";
import { TrainableWatch } from "./trainable.js";

/** What the recipe's getters gave. */
export interface StageParts {
  readonly key: string;
  readonly length: number;
  readonly model: Model;
  readonly criterion: Criterion;
  readonly optimizer: Optimizer;
  readonly scheduler: Scheduler | null;
  readonly loaders: Readonly<Record<string, Loader>>;
  readonly callbacks: Readonly<Record<string, Callback>>;
  /** The loss that the optimizer callback asks to differentiate. */
  readonly lossKey: string | null;
}

export class Stage implements StageParts {
  readonly key: string;
  readonly length: number;
  readonly model: Model;
  readonly criterion: Criterion;
  readonly optimizer: Optimizer;
  readonly scheduler: Scheduler | null;
  readonly loaders: Readonly<Record<string, Loader>>;
  readonly callbacks: Readonly<Record<string, Callback>>;
  readonly lossKey: string | null;
  readonly #bucketBytes: number;
  readonly #watch: TrainableWatch;
  #parameters: readonly Parameter[];
  #gradients: Gradients;

  constructor(parts: StageParts, bucketBytes: number) {
    this.key = parts.key;
    this.length = parts.length;
    this.model = parts.model;
    this.criterion = parts.criterion;
    this.optimizer = parts.optimizer;
    this.scheduler = parts.scheduler;
    this.loaders = parts.loaders;
    this.callbacks = parts.callbacks;
    this.lossKey = parts.lossKey;
    this.#bucketBytes = bucketBytes;
    this.#parameters = namedParameters(parts.model);
    this.#watch = new TrainableWatch(parts.model);
    this.#gradients = new Gradients(this.#parameters, bucketBytes);
    retainVariables(this.#parameters.map(({ variable }) => variable));
  }

  /** All weights, and which of them train now. */
  get parameters(): readonly Parameter[] {
    return this.#parameters;
  }

  get gradients(): Gradients {
    return this.#gradients;
  }

  /** Takes over what was frozen or unfrozen since the last call; true when something was. */
  refreshTrainable(): boolean {
    if (!this.#watch.hasChanged()) return false;
    this.#gradients.dispose();
    this.#parameters = namedParameters(this.model);
    this.#gradients = new Gradients(this.#parameters, this.#bucketBytes);
    alignSlots(this.optimizer, this.#gradients.values.parameters);
    return true;
  }

  /** Frees the optimizer's slots and what is left of a batch; weights are freed once nobody can reach them. */
  async leave(next: Stage | null): Promise<void> {
    this.#gradients.dispose();
    if (next?.optimizer !== this.optimizer) disposeOptimizer(this.optimizer);
    const kept = new Set(next?.parameters.map(({ variable }) => variable));
    await releaseVariables(
      this.#parameters.map(({ variable }) => variable).filter((variable) => !kept.has(variable)),
    );
  }

  /** Frees all of it: the run is over. */
  dispose(): void {
    this.#gradients.dispose();
    disposeOptimizer(this.optimizer);
    for (const { variable } of this.#parameters) variable.dispose();
  }
}
