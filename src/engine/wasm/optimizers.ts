// tfjs's Adam, SGD and Momentum as one pass over each weight, in place: same state, same bits, a tenth of the time.
import type {
  AdamOptimizer,
  MomentumOptimizer,
  Optimizer,
  SGDOptimizer,
  Variable,
} from "@tensorflow/tfjs-core";
import type { FlatGradients } from "../../core/context.js";
import type { Slot } from "../optimizer-slots.js";
import { tf } from "../tf.js";
import type { Kernels } from "./kernels.js";

/** Protected fields of tfjs's optimizers, by which its own steps and these can take turns. */
interface AdamState {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly accBeta1: Variable;
  readonly accBeta2: Variable;
  readonly accumulatedFirstMoment: Slot[];
  readonly accumulatedSecondMoment: Slot[];
}
interface SgdState {
  readonly c: Variable;
}
interface MomentumState extends SgdState {
  readonly m: Variable;
  readonly useNesterov: boolean;
  readonly accumulations: Slot[];
}
/** Prepares one weight's update, which then takes its parts: `count` floats from byte `at` on, their gradient at `g`. */
type Update = (variable: Variable, index: number) => (at: number, g: number, count: number) => void;

/** Floats of gradient copied in at a time: 256 KB are still in the cache when they are used. */
const PART = 65536;

/** Takes the optimizer's step in place. False, and nothing done, for optimizers other than these three. */
export function stepInPlace(kernels: Kernels, optimizer: Optimizer, gradients: FlatGradients): boolean {
  const { parameters, flat } = gradients;
  if (parameters.some(({ variable }) => variable.dtype !== "float32")) return false;
  const update = updateOf(kernels, optimizer);
  if (!update) return false;
  const g = kernels.scratch(PART * 4);
  let offset = 0;
  parameters.forEach(({ variable }, index) => {
    const step = update(variable, index);
    for (let at = 0; at < variable.size; at += PART) {
      const part = flat.subarray(offset + at, offset + Math.min(at + PART, variable.size));
      kernels.floats(g, part.length).set(part);
      step(at * 4, g, part.length);
    }
    forgetPacked(kernels, variable);
    offset += variable.size;
  });
  finish(kernels, optimizer);
  return true;
}

function updateOf(kernels: Kernels, optimizer: Optimizer): Update | null {
  // Exact classes: a subclass may step in its own way. Momentum is a subclass of SGD.
  if (optimizer.constructor === tf.SGDOptimizer) return sgd(kernels, optimizer as SGDOptimizer);
  if (optimizer.constructor === tf.MomentumOptimizer)
    return momentum(kernels, optimizer as MomentumOptimizer);
  if (optimizer.constructor === tf.AdamOptimizer) return adam(kernels, optimizer as AdamOptimizer);
  return null;
}

function sgd(kernels: Kernels, optimizer: SGDOptimizer): Update {
  const { c } = optimizer as unknown as SgdState;
  const rate = scalarValue(kernels, c);
  return (variable) => {
    const w = ownAddress(kernels, variable);
    return (at, g, count) => kernels.run.sgd(w + at, g, count, rate);
  };
}

function momentum(kernels: Kernels, optimizer: MomentumOptimizer): Update {
  const { c, m, useNesterov, accumulations } = optimizer as unknown as MomentumState;
  const rate = scalarValue(kernels, c);
  const keep = scalarValue(kernels, m);
  return (variable, index) => {
    const a = ownAddress(kernels, slot(accumulations, index, variable, "momentum"));
    const w = ownAddress(kernels, variable);
    return (at, g, count) => kernels.run.momentum(w + at, a + at, g, count, rate, keep, useNesterov);
  };
}

function adam(kernels: Kernels, optimizer: AdamOptimizer): Update {
  const state = optimizer as unknown as AdamState;
  const { learningRate, beta1, beta2, epsilon } = state;
  const left1 = Math.fround(1 - scalarValue(kernels, state.accBeta1));
  const left2 = Math.fround(1 - scalarValue(kernels, state.accBeta2));
  return (variable, index) => {
    const m = ownAddress(kernels, slot(state.accumulatedFirstMoment, index, variable, "m"));
    const v = ownAddress(kernels, slot(state.accumulatedSecondMoment, index, variable, "v"));
    const w = ownAddress(kernels, variable);
    const settings = [-learningRate, beta1, 1 - beta1, beta2, 1 - beta2, left1, left2, epsilon] as const;
    return (at, g, count) => kernels.run.adam(w + at, m + at, v + at, g, count, ...settings);
  };
}

/** What follows the weights' updates: Adam's running products, and the count of steps. */
function finish(kernels: Kernels, optimizer: Optimizer): void {
  if (optimizer.constructor === tf.AdamOptimizer) {
    const { accBeta1, accBeta2, beta1, beta2 } = optimizer as unknown as AdamState;
    kernels.floats(ownAddress(kernels, accBeta1), 1)[0] *= Math.fround(beta1);
    kernels.floats(ownAddress(kernels, accBeta2), 1)[0] *= Math.fround(beta2);
  }
  (optimizer as unknown as { incrementIterations(): void }).incrementIterations();
}

/** The optimizer's slot for a weight, made of zeros as tfjs makes it. */
function slot(slots: Slot[], index: number, variable: Variable, name: string): Variable {
  slots[index] ??= {
    originalName: `${variable.name}/${name}`,
    variable: tf.tidy(() => tf.variable(tf.zerosLike(variable), false)),
  };
  return slots[index].variable;
}

/** Where a variable's values are, once nothing else shares them: a clone of it must keep the old ones. */
function ownAddress(kernels: Kernels, variable: Variable): number {
  if (kernels.backend.dataIdMap.get(variable.dataId).refCount > 1) {
    const copy = kernels.output(variable.shape);
    const values = kernels.floats(kernels.address(variable), variable.size);
    kernels.floats(kernels.address(copy), variable.size).set(values);
    const tensor = tf.engine().makeTensorFromTensorInfo(copy);
    variable.assign(tensor);
    tensor.dispose();
  }
  return kernels.address(variable);
}

/** Stock kernels keep weights repacked by their id until it is disposed of: told so, they pack the new values. */
function forgetPacked({ backend }: Kernels, { dataId, size }: Variable): void {
  const { id, memoryOffset } = backend.dataIdMap.get(dataId);
  backend.wasm.tfjs.disposeData(id);
  backend.wasm.tfjs.registerTensor(id, size, memoryOffset);
}

function scalarValue(kernels: Kernels, scalar: Variable): number {
  return kernels.floats(kernels.address(scalar), 1)[0];
}
