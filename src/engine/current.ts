// Which engine computes in this process.
import type { Engine } from "./engine.js";
import { portableEngine } from "./portable.js";
import { tf } from "./tf.js";

/** By tfjs backend: a process (a test, say) may load several engines, and switch with tf.setBackend. */
const loaded = new WeakMap<object, Engine>();

/** Where a program of one's own uses tfjs and has loaded no engine. */
const unnamed = portableEngine("a backend that tfjs was given otherwise");

/** The engine of tfjs's current backend. */
export function currentEngine(): Engine {
  return loaded.get(tf.backend()) ?? unnamed;
}

/** Notes that tfjs's current backend is this engine. */
export function setCurrentEngine(engine: Engine): void {
  loaded.set(tf.backend(), engine);
}
