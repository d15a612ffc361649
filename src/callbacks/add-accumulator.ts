// Registers an accumulator for the loader that begins, and refuses a name that another one already computes: the later
// would overwrite the earlier, and nobody would know which of them a checkpoint watches.
import type { Accumulator, RunContext } from "../core/context.js";
import { UsageError } from "../core/errors.js";

interface Registered {
  readonly owner: string;
  readonly names: ReadonlySet<string>;
}

const known = new WeakMap<Accumulator, Registered>();

/**
 * Resets the accumulator and adds it to the loader's; `owner` is what an error calls the one that computes it.
 * @throws UsageError naming the metric and both who compute it.
 */
export function addAccumulator(context: RunContext, accumulator: Accumulator, owner: string): void {
  accumulator.reset();
  const mine = register(accumulator, owner);
  for (const other of context.accumulators) {
    const theirs = known.get(other) ?? register(other, other.constructor.name);
    const twice = [...mine.names].find((name) => theirs.names.has(name));
    if (twice === undefined) continue;
    throw new UsageError(
      `"${twice}" of loader "${context.loaderKey}" is computed twice, by ${theirs.owner} and by ${owner}: give one of ` +
        'them another name (metricKey, or prefix: "...")',
    );
  }
  context.accumulators.push(accumulator);
}

function register(accumulator: Accumulator, owner: string): Registered {
  // Which names there are does not depend on the state. A thousand classes have a million: they are asked for once.
  const names = known.get(accumulator)?.names ?? new Set(Object.keys(accumulator.compute()));
  const registered = { owner, names };
  known.set(accumulator, registered);
  return registered;
}
