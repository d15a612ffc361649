// Starts a backend of tfjs, which tells a failure by a returned value and then computes on another.
import { messageOf } from "../core/errors.js";
import { tf } from "./tf.js";

/** Makes `name` tfjs's backend. @throws Error with one line of why it did not start. */
export async function startBackend(name: string): Promise<void> {
  const started = await tf.setBackend(name);
  // Asked before tf.ready(), which would put the best backend that does start in its place.
  if (!started) throw new Error(`tfjs's backend "${name}" did not start${reasonFor(name)}`);
  await tf.ready();
  if (tf.getBackend() !== name || tf.backend() !== tf.findBackend(name)) {
    throw new Error(`tfjs computes on its backend "${tf.getBackend()}", not on "${name}"`);
  }
}

/** tfjs logs the reason and keeps it to itself: making the backend again throws it again. */
function reasonFor(name: string): string {
  try {
    tf.findBackendFactory(name)?.();
  } catch (error) {
    return `: ${messageOf(error).split("\n")[0]}`;
  }
  return "";
}
