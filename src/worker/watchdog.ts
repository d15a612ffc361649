// Ends this process when its launcher is gone and nobody noticed, because a recipe computes without a pause: a thread
// of its own looks. It costs 9 MB and, beside the loading of the engine, no time.
import { Worker } from "node:worker_threads";

/** Milliseconds between two looks: the first that misses the launcher leaves time for an orderly end until the second. */
const EVERY_MS = 1500;

/** A string, so that it needs no loader of modules. `process.exit` would end the thread alone. */
const LOOK = `
  const launcher = process.ppid;
  let isOrphan = false;
  setInterval(() => {
    if (isOrphan) process.kill(process.pid, "SIGKILL");
    isOrphan = process.ppid !== launcher;
  }, ${EVERY_MS});`;

/** From now on this process ends within 3 s of its parent, whatever it does. */
export function watchParent(): void {
  const thread = new Worker(LOOK, {
    eval: true,
    // Nothing that a user preloads into Node belongs here.
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
  thread.unref();
  // A thread that cannot be had is no reason to end a run.
  thread.on("error", () => {});
}
