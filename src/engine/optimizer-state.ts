// State of a tfjs optimizer, to and from the host, exactly: a restored optimizer goes on bit for bit.
import type { Optimizer, Tensor, Variable } from "@tensorflow/tfjs-core";
import { UsageError } from "../core/errors.js";
import type { Parameter } from "../core/parameters.js";
import type { TensorState, TensorStates } from "../core/state.js";
import { readTensor, toTensor } from "./tensor-state.js";
import { tf } from "./tf.js";

/**
 * The running products of Adam's betas. tfjs restores them as `beta ** step`, whose last bits differ from the
 * product that training made; they are private fields, saved by name.
 */
const RUNNING_PRODUCTS = ["accBeta1", "accBeta2"] as const;

/** Step count and slots (`dense1/kernel/m`), in the optimizer's own order. */
export async function readOptimizer(
  optimizer: Optimizer,
  parameters: readonly Parameter[],
): Promise<TensorStates> {
  const states: Record<string, TensorState> = {};
  for (const { name, tensor } of await optimizer.getWeights()) {
    states[stableSlotName(name, parameters)] = await readTensor(tensor);
    // A scalar made for this call, where the others are the optimizer's own.
    if (name === "iter") tensor.dispose();
  }
  for (const [field, variable] of runningProducts(optimizer)) states[field] = await readTensor(variable);
  return states;
}

/**
 * Puts a state from {@link readOptimizer} into an optimizer of the same kind.
 * @throws UsageError when the state is of another kind of optimizer or for other weights.
 */
export async function loadOptimizer(optimizer: Optimizer, states: TensorStates): Promise<void> {
  const slots = Object.entries(states)
    .filter(([name]) => !(RUNNING_PRODUCTS as readonly string[]).includes(name))
    .map(([name, state]) => ({ name, tensor: toTensor(state) }));
  try {
    await optimizer.setWeights(slots);
  } catch (error) {
    const held = Object.keys(states).join(", ");
    throw new UsageError(
      `the checkpoint's optimizer state (${held}) is not for ${optimizer.getClassName()}: ${String(error)}`,
    );
  } finally {
    tf.dispose(slots.map((slot) => slot.tensor));
  }
  for (const [field, variable] of runningProducts(optimizer)) {
    const state = states[field];
    if (!state) throw new UsageError(`the checkpoint's optimizer state lacks ${field}`);
    const value = toTensor(state);
    variable.assign(value);
    value.dispose();
  }
}

function runningProducts(optimizer: Optimizer): [string, Variable][] {
  const fields = optimizer as unknown as Record<string, Tensor | undefined>;
  return RUNNING_PRODUCTS.flatMap((field) => {
    const value = fields[field];
    return value instanceof tf.Variable ? [[field, value as Variable] as [string, Variable]] : [];
  });
}

/** tfjs numbers variables by how often their name was taken (`dense1/kernel_1/m`): uses the weight's own name. */
function stableSlotName(name: string, parameters: readonly Parameter[]): string {
  const owner = parameters
    .filter(({ variable }) => name.startsWith(`${variable.name}/`))
    .sort((a, b) => b.variable.name.length - a.variable.name.length)[0];
  return owner ? owner.name + name.slice(owner.variable.name.length) : name;
}
