// The built-in recipe with clocks in its training step: callbacks note the time between the events of a batch, and
// the optimizer callback sees its context through a view that times what it calls. For `bench train`; a plain run has
// none of this. Rank 0 writes the mean ms of each part, by stage, to the file named in DDP_BENCH_PARTS.
import { writeFileSync } from "node:fs";
import { type Callback, CallbackOrder, OptimizerCallback, type RunContext } from "ddp-train";

// The recipe of the very build that runs: "ddp-train" is its index.
const url = new URL("./recipes/mnist.js", import.meta.resolve("ddp-train")).href;
const { MnistRecipe } = (await import(url)) as typeof import("../dist/recipes/mnist.js");

/** Steps of a stage that are left out while the engine compiles what is hot. */
const WARM_UP = 100;

/** Adds up what time each part of a step takes: `lap` gives the time since the last lap to a part. */
class StepClock {
  readonly #totals = new Map<string, number>();
  #last = 0;
  #steps = 0;

  lap(part: string): void {
    const now = performance.now();
    if (this.#steps >= WARM_UP) this.#totals.set(part, (this.#totals.get(part) ?? 0) + now - this.#last);
    this.#last = now;
  }

  /** What comes next belongs to no step. */
  restart(): void {
    this.#last = performance.now();
  }

  endStep(): void {
    this.#steps++;
  }

  means(): Record<string, number> {
    const steps = this.#steps - WARM_UP;
    return Object.fromEntries([...this.#totals].map(([part, total]) => [part, total / steps]));
  }
}

/** What the optimizer callback calls, and the part of the step that it is. */
const TIMED_CALLS: Partial<Record<keyof RunContext, string>> = {
  reduceGradients: "read and all-reduce",
  applyGradients: "optimizer",
};
const REST = "rest";

class TimedOptimizerCallback extends OptimizerCallback {
  readonly #clock: StepClock;
  #context: RunContext | null = null;
  #view: RunContext | null = null;

  constructor(clock: StepClock) {
    super({ metricKey: "loss" });
    this.#clock = clock;
  }

  override async onBatchEnd(context: RunContext): Promise<void> {
    if (!context.isTrainLoader) return await super.onBatchEnd(context);
    if (this.#view === null || this.#context !== context) {
      this.#context = context;
      this.#view = timed(context, this.#clock);
    }
    await super.onBatchEnd(this.#view);
    this.#clock.lap(REST);
  }
}

/** The context as it is, but for a clock in the timed calls. */
function timed(context: RunContext, clock: StepClock): RunContext {
  const calls = new Map<PropertyKey, unknown>();
  for (const [key, part] of Object.entries(TIMED_CALLS)) {
    const call = context[key as keyof RunContext] as (...args: unknown[]) => unknown;
    calls.set(key, (...args: unknown[]) => {
      clock.lap(REST);
      const result = call.apply(context, args);
      if (result instanceof Promise) return result.finally(() => clock.lap(part));
      clock.lap(part);
      return result;
    });
  }
  // A proxy, not an object that inherits: the context's private fields want the context itself.
  return new Proxy(context, {
    get(_, key) {
      const value: unknown = calls.get(key) ?? Reflect.get(context, key, context);
      return typeof value === "function" ? value.bind(context) : value;
    },
  });
}

/** Callbacks that mark where parts of a step end, and write what was found. */
function clocks(clock: StepClock, stage: string): Record<string, Callback> {
  const inTraining = (act: () => void) => (context: RunContext) => {
    if (context.isTrainLoader) act();
  };
  return {
    benchBegin: {
      order: Number.MIN_SAFE_INTEGER,
      onLoaderStart: () => clock.restart(),
      onBatchStart: inTraining(() => clock.lap("next batch, loggers")),
      onBatchEnd: inTraining(() => clock.lap("forward, backward, loss")),
    },
    benchMetrics: {
      order: CallbackOrder.optimizer - 1,
      onBatchEnd: inTraining(() => clock.lap("metrics")),
    },
    benchEnd: {
      order: Number.MAX_VALUE,
      onBatchEnd: inTraining(() => {
        clock.lap(REST);
        clock.endStep();
      }),
      onStageEnd({ group }) {
        found[stage] = clock.means();
        const file = process.env.DDP_BENCH_PARTS;
        if (file && group.rank === 0) writeFileSync(file, JSON.stringify(found));
      },
    },
  };
}

const found: Record<string, Record<string, number>> = {};

export default class TimedMnistRecipe extends MnistRecipe {
  override getCallbacks(stage?: string): Record<string, Callback> {
    const clock = new StepClock();
    return {
      ...super.getCallbacks(),
      optimizer: new TimedOptimizerCallback(clock),
      ...clocks(clock, stage ?? ""),
    };
  }
}
