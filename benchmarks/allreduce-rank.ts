// One rank of `bench allreduce`, forked by allreduce.ts: takes its orders from the first message, and rank 0 sends the
// results back. It uses the process group of the build that is measured.
import type { ProcessGroup } from "../src/core/process-group.js";

export interface RankOrders {
  readonly rank: number;
  readonly endpoints: readonly string[];
  readonly token: string;
  /** URL of the build's process group. */
  readonly module: string;
  readonly sizes: readonly { readonly bytes: number; readonly iterations: number }[];
}

/** Microseconds a call took on rank 0, and a plain copy of the same bytes in every rank at once. */
export interface Timing {
  readonly reduce: number;
  readonly copy: number;
}
export type Timings = Readonly<Record<string, Timing>>;

/** Calls before the clock starts, at each size as in the peer's program. */
const WARM_UP = 10;
/** Calls of 4 KB at the very start: training takes thousands of steps, so what counts is compiled code. */
const COMPILE = 500;

process.once("message", (orders: RankOrders) => {
  measureAll(orders).then(
    (timings) => process.send?.(timings, () => process.disconnect()),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
// Without the parent nobody waits for the result.
process.on("disconnect", () => process.exit());

async function measureAll({ rank, endpoints, token, module, sizes }: RankOrders): Promise<Timings> {
  const { connectProcessGroup } = (await import(module)) as typeof import("../src/allreduce/open-group.js");
  const worldSize = endpoints.length;
  const group = await connectProcessGroup({ rank, worldSize, endpoints, token, timeoutSeconds: 120 });
  await repeat(group, new Float32Array(1000), COMPILE);
  const timings: Record<string, Timing> = {};
  for (const { bytes, iterations } of sizes) {
    const data = new Float32Array(bytes / 4);
    await checkSum(group, data);
    await repeat(group, data, WARM_UP);
    data.fill(1);
    await group.barrier();
    const reduce = await repeat(group, data, iterations);
    await group.barrier();
    timings[bytes] = { reduce, copy: copyTime(data, iterations) };
    await group.barrier();
  }
  await group.close();
  return timings;
}

/** Mean microseconds of a call. */
async function repeat(group: ProcessGroup, data: Float32Array, times: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < times; i++) await group.allReduce(data, "sum");
  return ((performance.now() - start) / times) * 1000;
}

/** A fast wrong answer is none: each value must be the sum of what the ranks put in. */
async function checkSum(group: ProcessGroup, data: Float32Array): Promise<void> {
  // Small whole numbers, so that any order of adding gives the same bits.
  for (let i = 0; i < data.length; i++) data[i] = (group.rank + 1) * (1 + (i % 7));
  await group.allReduce(data, "sum");
  const ranks = (group.worldSize * (group.worldSize + 1)) / 2;
  const wrong = data.findIndex((value, i) => value !== ranks * (1 + (i % 7)));
  if (wrong >= 0) throw new Error(`allReduce of ${data.length} values: value ${wrong} is ${data[wrong]}`);
}

function copyTime(data: Float32Array, times: number): number {
  const copy = new Float32Array(data.length);
  for (let i = 0; i < WARM_UP; i++) copy.set(data);
  const start = performance.now();
  for (let i = 0; i < times; i++) copy.set(data);
  return ((performance.now() - start) / times) * 1000;
}
