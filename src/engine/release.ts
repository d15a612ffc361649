// Weights of a stage that is over. The recipe may hold on to their layers and use them again later, so they are not
// disposed of; but tfjs's register keeps every variable alive for ever. Released ones are taken off it, and their
// memory is freed when nobody can reach them any more.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Variable } from "@tensorflow/tfjs-core";
import { tf } from "./tf.js";

/** What tfjs's engine needs to know of a tensor to free its memory. */
type Memory = Pick<Variable, "dataId" | "dtype" | "size">;

/** The part of tfjs's engine that is used here; most of it is not in its type declarations. */
interface Register {
  readonly state: { readonly registeredVariables: Record<string, Variable> };
  disposeTensor(memory: Memory): void;
}

/** From so many bytes on that may be free already, garbage is collected: V8 does not see the engine's memory. */
const COLLECT_BYTES = 64 * 2 ** 20;

let releasedBytes = 0;
const unreachable = new FinalizationRegistry<Memory>((memory) => {
  releasedBytes -= bytesOf(memory);
  register().disposeTensor(memory);
});
const released = new WeakSet<Variable>();

/** Takes variables off tfjs's register; each is freed once nobody can reach it. */
export async function releaseVariables(variables: readonly Variable[]): Promise<void> {
  for (const variable of variables) {
    const { dataId, dtype, size } = variable;
    if (variable.isDisposed || released.has(variable)) continue;
    delete register().state.registeredVariables[variable.name];
    released.add(variable);
    unreachable.register(variable, { dataId, dtype, size }, variable);
    releasedBytes += bytesOf(variable);
  }
  if (releasedBytes < COLLECT_BYTES) return;
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  // Finalizers run in a turn of their own.
  await new Promise((resolve) => setImmediate(resolve));
}

/** Puts variables that are in use again back on the register. */
export function retainVariables(variables: readonly Variable[]): void {
  for (const variable of variables) {
    if (!released.delete(variable)) continue;
    unreachable.unregister(variable);
    releasedBytes -= bytesOf(variable);
    register().state.registeredVariables[variable.name] = variable;
  }
}

function register(): Register {
  return tf.engine() as unknown as Register;
}

function bytesOf({ dtype, size }: Pick<Memory, "dtype" | "size">): number {
  return size * tf.util.bytesPerElement(dtype);
}
