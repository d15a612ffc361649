// A stage as it runs: what the recipe gave for it, and what the worker keeps beside while it lasts.
import type { Optimizer, Scalar } from "@tensorflow/tfjs-core";
import type { Callback } from "../../core/callback.js";
import type { Criterion } from "../../core/criterion.js";
import type { Loader } from "../../core/loader.js";
import type { Model } from "../../core/model.js";
import { namedParameters, type Parameter } from "../../core/parameters.js";
import type { Scheduler } from "../../core/scheduler.js";
import { alignSlots, disposeOptimizer } from "../../engine/optimizer-state.js";
import { releaseVariables, retainVariables } from "../../engine/release.js";
import { tf } from "../../engine/tf.js";
import { Gradients } from "../gradients/compute.js";
import { freezeBatchNorm } from "./batch-norm.js";
import { varyDropout } from "./dropout.js";
import { Constraints, hasPenalty, penaltyOf } from "./penalties.js";
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

/** What the worker is told beside. */
export interface StageSettings {
  /** How many bytes of gradients travel together. */
  readonly bucketBytes: number;
  /** Whether a frozen batch normalisation computes as in inference. */
  readonly freezeBatchNorm: boolean;
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
  readonly constraints: Constraints;
  readonly #settings: StageSettings;
  readonly #hasPenalty: boolean;
  readonly #watch: TrainableWatch;
  #parameters: readonly Parameter[];
  #gradients: Gradients;

  constructor(parts: StageParts, settings: StageSettings) {
    this.key = parts.key;
    this.length = parts.length;
    this.model = parts.model;
    this.criterion = parts.criterion;
    this.optimizer = parts.optimizer;
    this.scheduler = parts.scheduler;
    this.loaders = parts.loaders;
    this.callbacks = parts.callbacks;
    this.lossKey = parts.lossKey;
    this.constraints = new Constraints(parts.model);
    this.#settings = settings;
    this.#hasPenalty = hasPenalty(parts.model);
    varyDropout(parts.model);
    this.#watch = new TrainableWatch(parts.model);
    this.#parameters = namedParameters(parts.model);
    this.#gradients = this.#newGradients();
    retainVariables(this.#parameters.map(({ variable }) => variable));
  }

  /** All weights, and which of them train now. */
  get parameters(): readonly Parameter[] {
    return this.#parameters;
  }

  get gradients(): Gradients {
    return this.#gradients;
  }

  /** The loss with the penalties that layers ask for. */
  withPenalty(loss: Scalar): Scalar {
    const penalty = this.#hasPenalty ? penaltyOf(this.model) : null;
    return penalty === null ? loss : tf.add(loss, penalty);
  }

  /** Takes over what was frozen or unfrozen since the last call; true when something was. */
  refreshTrainable(): boolean {
    if (!this.#watch.hasChanged()) return false;
    this.#gradients.dispose();
    this.#parameters = namedParameters(this.model);
    this.#gradients = this.#newGradients();
    alignSlots(this.optimizer, this.#gradients.values.parameters);
    return true;
  }

  #newGradients(): Gradients {
    freezeBatchNorm(this.model, this.#parameters, this.#settings.freezeBatchNorm);
    return new Gradients(this.#parameters, this.#settings.bucketBytes);
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
