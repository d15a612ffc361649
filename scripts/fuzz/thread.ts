// A thread that fuzzes one target until its time is up. Before each input it writes it into memory shared with the
// main thread, which so has it even when this thread never comes back.
import { parentPort, workerData } from "node:worker_threads";
import { hunt } from "./hunt.js";
import { Tally, type ThreadData } from "./tally.js";
import type { Target } from "./target.js";

const BATCH = 2000;

const { module, target: wanted, shared, seed, seconds } = workerData as ThreadData;
const { targets } = (await import(module)) as { targets: readonly Target[] };
const target = targets.find(({ name }) => name === wanted)!;
const tally = new Tally(shared);
const end = performance.now() + seconds * 1000;
for (let batch = 0; performance.now() < end; batch++) {
  const milliseconds = end - performance.now();
  const found = hunt(target, { seed: seed + batch, inputs: BATCH, milliseconds }, tally);
  if (found !== null) parentPort!.postMessage(found);
}
