// A model's weights as bytes: broadcast, compared, hashed, saved and loaded.
import { createHash } from "node:crypto";
import type { Variable } from "@tensorflow/tfjs-core";
import { UsageError } from "../../core/errors.js";
import type { Parameter } from "../../core/parameters.js";
import type { ProcessGroup } from "../../core/process-group.js";
import type { TensorState, TensorStates } from "../../core/state.js";
import { readTensor, toTensor } from "../../engine/tensor-state.js";

/** Copies all weights to the host, by name, in the model's order. */
export async function readWeights(parameters: readonly Parameter[]): Promise<TensorStates> {
  const states: Record<string, TensorState> = {};
  for (const { name, variable } of parameters) states[name] = await readTensor(variable);
  return states;
}

/**
 * Puts weights into the model.
 * @throws UsageError naming the first weight that is missing, left over, or of another shape.
 */
export function loadWeights(parameters: readonly Parameter[], saved: TensorStates, source: string): void {
  const states = withTodaysNames(parameters, saved);
  const known = new Set(parameters.map(({ name }) => name));
  for (const { name, variable } of parameters) {
    const state = states[name];
    if (!state) {
      throw new UsageError(`${source} has no weight "${name}"; it holds: ${Object.keys(states).join(", ")}`);
    }
    if (state.shape.join() !== variable.shape.join()) {
      throw new UsageError(
        `${source}: weight "${name}" has shape [${state.shape}], but the model wants [${variable.shape}]`,
      );
    }
  }
  const extra = Object.keys(states).find((name) => !known.has(name));
  if (extra) {
    throw new UsageError(`${source}: the model has no weight "${extra}"; it has: ${[...known].join(", ")}`);
  }
  for (const { name, variable } of parameters) assign(variable, states[name]);
}

/** A number that tfjs gave to an unnamed layer within a model or wrapper; it was part of names until version 2. */
const AUTOMATIC_NUMBER = /_[A-Z]\w*?\d+(?=\/)/;

/** Weights that an earlier version saved under names which no rebuild can have: they are taken in their order. */
function withTodaysNames(parameters: readonly Parameter[], saved: TensorStates): TensorStates {
  const entries = Object.entries(saved);
  const isSameModel =
    entries.length === parameters.length &&
    entries.some(([name]) => AUTOMATIC_NUMBER.test(name)) &&
    parameters.every(({ name, variable }, i) => {
      const [old, { shape }] = entries[i];
      return lastPart(old) === lastPart(name) && shape.join() === variable.shape.join();
    });
  if (!isSameModel) return saved;
  return Object.fromEntries(parameters.map(({ name }, i) => [name, entries[i][1]]));
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** SHA-256 (hex) of the weights' bytes, little endian, in the model's order. */
export async function hashWeights(parameters: readonly Parameter[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { variable } of parameters) {
    const values = await variable.data();
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}

/** Gives rank 0's values of these weights to every rank. */
export async function broadcastWeights(group: ProcessGroup, parameters: readonly Parameter[]): Promise<void> {
  if (group.worldSize === 1 || parameters.length === 0) return;
  const states = Object.values(await readWeights(parameters));
  const bytes = Buffer.concat(
    states.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );
  const received = await group.broadcast(bytes);
  // The message may start at any byte: copy before viewing it as numbers.
  const { buffer } = received.slice();
  let offset = 0;
  for (const [i, { variable }] of parameters.entries()) {
    const { dtype, shape, data } = states[i];
    const view =
      data instanceof Float32Array ? Float32Array : data instanceof Int32Array ? Int32Array : Uint8Array;
    assign(variable, { dtype, shape, data: new view(buffer, offset, data.length) });
    offset += data.byteLength;
  }
}

function assign(variable: Variable, state: TensorState): void {
  const value = toTensor(state);
  variable.assign(value);
  value.dispose();
}
