// State of a tfjs optimizer, to and from the host, exactly: a restored optimizer goes on bit for bit. tfjs keeps its
// slots (moments, accumulators) by the position of a weight among those it steps; here they belong to the weight.
import type { Optimizer, Variable } from "@tensorflow/tfjs-core";
import { UsageError } from "../core/errors.js";
import type { Parameter } from "../core/parameters.js";
import type { OptimizerSettings, TensorState, TensorStates } from "../core/state.js";
import { SLOTS, type Slot, slotsOf } from "./optimizer-slots.js";
import { readTensor, toTensor } from "./tensor-state.js";
import { tf } from "./tf.js";

/**
 * Scalars that training moves on, saved as they are: tfjs would restore Adam's running products as `beta ** step`,
 * whose last bits differ from the product that training made.
 */
const COUNTS = ["accBeta1", "accBeta2", "iteration"] as const;
const STEPS = "iter";

/** Slots of weights that are frozen for now. */
const parked = new WeakMap<Optimizer, Map<string, Slot>>();

/** What became of the slots that were to be restored. */
export interface RestoredSlots {
  /** Trainable weights that the state knows nothing of; their slots begin as a new optimizer's. */
  readonly fresh: readonly string[];
  /** Weights of the state that are not trainable weights of the model. */
  readonly gone: readonly string[];
}

/** @throws UsageError for a class whose state cannot be saved. */
export function requireKnownOptimizer(optimizer: Optimizer): void {
  classOf(optimizer);
}

/** Slots by weight (`dense1/kernel/m`), and counts. */
export async function readOptimizer(
  optimizer: Optimizer,
  parameters: readonly Parameter[],
): Promise<TensorStates> {
  const names = new Map(parameters.map(({ name, variable }) => [variable.name, name]));
  const steps = Int32Array.of(optimizer.iterations);
  const states: Record<string, TensorState> = { [STEPS]: { dtype: "I32", shape: [], data: steps } };
  const resting = parked.get(optimizer) ?? new Map<string, Slot>();
  for (const [field, suffix] of Object.entries(SLOTS[classOf(optimizer)])) {
    const ofSuffix = [...resting].filter(([key]) => key.startsWith(`${field} `)).map(([, slot]) => slot);
    for (const { originalName, variable } of [...slotsOf(optimizer, field), ...ofSuffix]) {
      const owner = names.get(originalName.slice(0, -suffix.length - 1));
      if (owner !== undefined) states[`${owner}/${suffix}`] = await readTensor(variable);
    }
  }
  for (const [field, variable] of countsOf(optimizer)) states[field] = await readTensor(variable);
  return states;
}

/**
 * Puts a state from {@link readOptimizer} into an optimizer, each slot to its weight.
 * @throws UsageError when the state is of another class of optimizer, or a slot has another shape than its weight.
 */
export function loadOptimizer(
  optimizer: Optimizer,
  states: TensorStates,
  settings: OptimizerSettings | null,
  parameters: readonly Parameter[],
): RestoredSlots {
  const kind = classOf(optimizer);
  const suffixes = Object.values(SLOTS[kind]);
  if (settings !== null && settings.class !== kind) {
    throw new UsageError(
      `the checkpoint's optimizer state is of ${settings.class}, the stage's optimizer is ${kind}: load the ` +
        "other parts alone, or use the same class",
    );
  }
  const owners = new Map<string, Set<string>>();
  for (const name of Object.keys(states)) {
    if (name === STEPS || (COUNTS as readonly string[]).includes(name)) continue;
    const [suffix] = suffixes.filter((each) => name.endsWith(`/${each}`));
    if (suffix === undefined) {
      throw new UsageError(
        `the checkpoint's optimizer state (${Object.keys(states).join(", ")}) is not for ${kind}`,
      );
    }
    const owner = name.slice(0, -suffix.length - 1);
    owners.set(owner, (owners.get(owner) ?? new Set()).add(suffix));
  }
  const trainable = parameters.filter((parameter) => parameter.trainable);
  for (const { name, variable } of trainable) {
    for (const suffix of owners.get(name) ?? []) requireShape(`${name}/${suffix}`, states, variable);
  }
  clearSlots(optimizer, kind);
  for (const [field, suffix] of Object.entries(SLOTS[kind])) {
    const slots = trainable.map(({ name, variable }) => {
      const state = states[`${name}/${suffix}`];
      return state && { originalName: `${variable.name}/${suffix}`, variable: slotVariable(state) };
    });
    setSlots(optimizer, field, slots);
  }
  const steps = states[STEPS];
  if (steps) (optimizer as unknown as { iterations_: number }).iterations_ = steps.data[0];
  for (const [field, variable] of countsOf(optimizer)) {
    const state = states[field];
    if (!state) throw new UsageError(`the checkpoint's optimizer state lacks ${field}, which ${kind} has`);
    const value = toTensor(state);
    variable.assign(value);
    value.dispose();
  }
  const names = new Set(trainable.map(({ name }) => name));
  return {
    fresh: suffixes.length === 0 ? [] : [...names].filter((name) => !owners.has(name)),
    gone: [...owners.keys()].filter((name) => !names.has(name)),
  };
}

/** Puts each slot at the place of its weight, after another set of weights has become the one that is stepped. */
export function alignSlots(optimizer: Optimizer, trainable: readonly Parameter[]): void {
  const resting = parked.get(optimizer) ?? new Map<string, Slot>();
  for (const [field, suffix] of Object.entries(SLOTS[classOf(optimizer)])) {
    const known = new Map(slotsOf(optimizer, field).map((slot) => [slot.originalName, slot]));
    for (const [key, slot] of resting) if (key.startsWith(`${field} `)) known.set(slot.originalName, slot);
    const slots = trainable.map(({ variable }) => {
      const name = `${variable.name}/${suffix}`;
      const slot = known.get(name);
      known.delete(name);
      resting.delete(`${field} ${name}`);
      return slot;
    });
    for (const slot of known.values()) resting.set(`${field} ${slot.originalName}`, slot);
    setSlots(optimizer, field, slots);
  }
  parked.set(optimizer, resting);
}

/** The numbers and switches that the optimizer steps with. */
export function readSettings(optimizer: Optimizer): OptimizerSettings {
  const fields = Object.entries(optimizer).filter(
    ([name, value]) => name !== "iterations_" && (typeof value === "number" || typeof value === "boolean"),
  );
  return { class: classOf(optimizer), numbers: Object.fromEntries(fields) };
}

/** Takes over the numbers of an optimizer of the same class. */
export function loadSettings(optimizer: Optimizer, settings: OptimizerSettings): void {
  Object.assign(optimizer, settings.numbers);
  syncScalars(optimizer);
}

/**
 * SGD and momentum step with tensors that tfjs made of `learningRate` and `momentum` in the beginning: after a change
 * of these fields, makes them anew.
 */
export function syncScalars(optimizer: Optimizer): void {
  const fields = optimizer as unknown as ScalarFields;
  if (typeof fields.setLearningRate !== "function") return;
  const used = steppedWith.get(optimizer);
  if (used?.learningRate === fields.learningRate && used.momentum === fields.momentum) return;
  fields.setLearningRate(fields.learningRate);
  if (fields.m !== undefined && typeof fields.momentum === "number") {
    fields.m.dispose();
    fields.m = tf.keep(tf.scalar(fields.momentum));
  }
  steppedWith.set(optimizer, { learningRate: fields.learningRate, momentum: fields.momentum });
}

/** Frees slots, counts and scalars. */
export function disposeOptimizer(optimizer: Optimizer): void {
  const kind = Object.hasOwn(SLOTS, optimizer.getClassName()) ? optimizer.getClassName() : null;
  if (kind !== null) clearSlots(optimizer, kind);
  optimizer.dispose();
  // Momentum's own dispose forgets the rate that it inherits.
  const { c } = optimizer as unknown as ScalarFields;
  if (c !== undefined && !c.isDisposed) c.dispose();
}

interface ScalarFields {
  readonly learningRate: number;
  readonly momentum?: number;
  readonly c?: tf.Tensor;
  m?: tf.Tensor;
  setLearningRate?(learningRate: number): void;
}
const steppedWith = new WeakMap<
  Optimizer,
  { readonly learningRate: number; readonly momentum: number | undefined }
>();

function classOf(optimizer: Optimizer): string {
  const name = optimizer.getClassName();
  if (Object.hasOwn(SLOTS, name)) return name;
  throw new UsageError(
    `the optimizer ${name} cannot be saved, so a run with it could not go on; use one of ${Object.keys(SLOTS).join(", ")}`,
  );
}

function setSlots(optimizer: Optimizer, field: string, slots: readonly (Slot | undefined)[]): void {
  (optimizer as unknown as Record<string, readonly (Slot | undefined)[]>)[field] = slots;
}

function clearSlots(optimizer: Optimizer, kind: string): void {
  for (const field of Object.keys(SLOTS[kind])) {
    for (const { variable } of slotsOf(optimizer, field)) variable.dispose();
    setSlots(optimizer, field, []);
  }
  for (const { variable } of parked.get(optimizer)?.values() ?? []) variable.dispose();
  parked.delete(optimizer);
}

function slotVariable(state: TensorState): Variable {
  return tf.tidy(() => tf.variable(toTensor(state), false));
}

function countsOf(optimizer: Optimizer): [string, Variable][] {
  const fields = optimizer as unknown as Record<string, tf.Tensor | undefined>;
  return COUNTS.flatMap((field) => {
    const value = fields[field];
    return value instanceof tf.Variable ? [[field, value as Variable] as [string, Variable]] : [];
  });
}

function requireShape(name: string, states: TensorStates, { shape }: Variable): void {
  const found = states[name].shape;
  if (found.join() === shape.join()) return;
  throw new UsageError(`the checkpoint's ${name} has shape [${found}], but its weight has [${shape}]`);
}
