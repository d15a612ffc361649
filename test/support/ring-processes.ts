// The ranks of a ring as real processes, each running test/support/ring-worker.ts.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { endpointsIn, withFolder } from "./ring.js";
import type { RingTask } from "./ring-task.js";

export const WORLD_SIZE = 3;
export const TOKEN = "secret";
const WORKER = fileURLToPath(new URL("./ring-worker.ts", import.meta.url));

export type CommonTask = Omit<RingTask, "rank" | "worldSize" | "endpoints" | "token">;

/** A rank, forked, that waits for its task. */
export interface RankProcess {
  readonly child: ChildProcess;
  start(): void;
}

/** Forks the ranks, gives each its task, and leaves none behind. */
export function withRanks(task: CommonTask, body: (ranks: ChildProcess[]) => Promise<void>): Promise<void> {
  return withIdleRanks(task, [0, 1, 2], async (ranks) => {
    for (const { start } of ranks) start();
    await body(ranks.map(({ child }) => child));
  });
}

/** Forks a process for each of these ranks, one may be there twice; `body` starts them. Leaves none behind. */
export function withIdleRanks(
  task: CommonTask,
  numbers: readonly number[],
  body: (ranks: RankProcess[], endpoints: string[]) => Promise<void>,
): Promise<void> {
  return withFolder(async (folder) => {
    const endpoints = endpointsIn(folder, WORLD_SIZE);
    const ranks = numbers.map((rank) => {
      const child = fork(WORKER, { execArgv: ["--import", "tsx"] });
      const whole: RingTask = { ...task, rank, worldSize: WORLD_SIZE, endpoints, token: TOKEN };
      return { child, start: () => void child.send(whole) };
    });
    const exits = ranks.map(({ child }) => once(child, "exit"));
    try {
      await body(ranks, endpoints);
    } finally {
      for (const { child } of ranks) child.kill("SIGKILL");
      await Promise.all(exits);
    }
  });
}
