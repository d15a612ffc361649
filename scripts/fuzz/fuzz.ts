// Fuzzes one target in threads of its own, and ends a thread that hangs or runs out of memory.
import { Worker } from "node:worker_threads";
import type { Found } from "./hunt.js";
import { sharedTally, Tally, type ThreadData } from "./tally.js";

export interface FuzzOptions {
  /** URL of the module that exports `targets`. */
  readonly module: URL;
  readonly seed: number;
  readonly seconds: number;
  /** Milliseconds that one input may take before its thread is ended. */
  readonly patience?: number;
}

export interface Fuzzed {
  readonly target: string;
  readonly tried: number;
  readonly refused: number;
  /** One of each kind and beginning of a message, the smallest. */
  readonly found: readonly Found[];
}

/** Well above the second after which an input that does come back is called slow. */
const PATIENCE = 5000;
const LOOK = 100;
/** A thread after a hang gets seeds that the one before it did not come to. */
const NEXT_SEEDS = 1_000_000;
/** A thread that makes the process larger by this is ended. */
const MOST_BYTES = 512 * 2 ** 20;
/** Far above it: where V8 itself comes to its limit, Node 24 may end the whole process and not only the thread. */
const HEAP_MEGABYTES = 4096;

/** Fuzzes a target for so many seconds. */
export async function fuzz(target: string, options: FuzzOptions): Promise<Fuzzed> {
  const { module, patience = PATIENCE } = options;
  const end = performance.now() + options.seconds * 1000;
  const found = new Map<string, Found>();
  let [tried, refused] = [0, 0];
  for (let thread = 0; thread === 0 || end - performance.now() > 500; thread++) {
    const seconds = (end - performance.now()) / 1000;
    const data = { module: module.href, target, seed: options.seed + thread * NEXT_SEEDS, seconds };
    const tally = await runThread({ ...data, shared: sharedTally() }, patience, (one) => {
      const key = `${one.kind} ${one.detail.replaceAll(/\d+/g, "").slice(0, 60)}`;
      const before = found.get(key);
      if (before === undefined || one.input.length < before.input.length) found.set(key, one);
    });
    tried += tally.tried;
    refused += tally.refused;
  }
  return { target, tried, refused, found: [...found.values()] };
}

async function runThread(data: ThreadData, patience: number, take: (found: Found) => void): Promise<Tally> {
  const tally = new Tally(data.shared);
  // A thread does not inherit tsx's hooks, so it begins by registering them.
  const main = JSON.stringify(new URL("thread.ts", import.meta.url).href);
  const boot = `import("tsx/esm/api").then(({ register }) => { register(); return import(${main}); })`;
  const worker = new Worker(boot, {
    eval: true,
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
  });
  const end = (kind: Found["kind"], detail: string) => {
    take({ kind, detail, input: tally.input });
    clearInterval(watch);
    void worker.terminate();
  };
  const most = process.memoryUsage.rss() + MOST_BYTES;
  let [last, since] = [-1, performance.now()];
  const watch = setInterval(() => {
    const { tried, isBusy } = tally;
    if (!isBusy || tried !== last) [last, since] = [tried, performance.now()];
    else if (process.memoryUsage.rss() > most) end("crash", "the thread ended: it took too much memory");
    else if (performance.now() - since > patience) end("hang", `no end after ${patience} ms`);
  }, LOOK);
  worker.on("message", take);
  await new Promise<void>((resolve, reject) => {
    worker.on("error", (error) => {
      // Not an input's fault when there has been none: a target that does not load.
      if (tally.tried === 0) reject(error);
      else take({ kind: "crash", detail: `the thread ended: ${error.message}`, input: tally.input });
    });
    worker.on("exit", () => resolve());
  }).finally(() => clearInterval(watch));
  return tally;
}
