// One rank of a ring in a process of its own, forked by the tests in test/multiprocess.
// `finish` reduces a number of times, broadcasts, closes and exits at once; the exit code says how that went.
// `forever` reduces until that fails; `pause` is `finish` with a break in the middle.
import { once } from "node:events";
import { connectProcessGroup } from "../../src/allreduce/open-group.js";
import { serializeError } from "../../src/core/errors.js";
import type { RingReport, RingTask } from "./ring-task.js";

const BROADCAST_BYTES = 16 * 1024 * 1024;

process.once("message", async (task: RingTask) => {
  try {
    const isRight = await runTask(task);
    // The hard way out, at which zeromq drops what is still queued.
    process.exit(isRight ? 0 : 3);
  } catch (thrown) {
    await send({ type: "failed", error: serializeError(thrown) });
    process.exit(1);
  }
});

async function runTask({ mode, rounds, length, ...connection }: RingTask): Promise<boolean> {
  const warn = (message: string) => void send({ type: "warned", message });
  const group = await connectProcessGroup({
    ...connection,
    log: { debug() {}, info() {}, error() {}, warn },
  });
  const data = new Float32Array(length);
  let wrong = 0;
  for (let round = 0; mode === "forever" || round < rounds; round++) {
    data.fill(round + group.rank);
    await group.allReduce(data, "sum");
    const { worldSize } = group;
    const expected = worldSize * round + (worldSize * (worldSize - 1)) / 2;
    if (data.some((value) => value !== expected)) wrong++;
    if (mode === "forever" && round === rounds) await send({ type: "running" });
    if (mode === "pause" && round === Math.floor(rounds / 2)) {
      await send({ type: "running" });
      await once(process, "message");
    }
  }
  // The root is done with a broadcast as soon as it is queued.
  const bytes = await group.broadcast(new Uint8Array(BROADCAST_BYTES).fill(7));
  await group.close();
  return wrong === 0 && bytes.length === BROADCAST_BYTES && bytes.every((byte) => byte === 7);
}

function send(report: RingReport): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(report, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}
