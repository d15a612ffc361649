// Measures all-reduces between hosts of our own, on this machine, and whole training steps.
import { fork, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunSummary } from "../../src/core/summary.js";
import { openSocketFolder } from "../../src/launcher/processes/socket-folder.js";
import { RANK_PROGRAM, runRanks } from "../allreduce.js";
import { freePort, runProgram } from "../processes.js";
import { spread } from "../statistics.js";
import type { Measurement } from "./cost-model.js";
import type { Hosts } from "./namespaces.js";

/** Fewer where a call takes long. */
function iterationsOf(bytes: number): number {
  if (bytes > 2e6) return 4;
  return bytes > 1e5 ? 20 : 100;
}

function withIterations(bytes: number) {
  return { bytes, iterations: iterationsOf(bytes) };
}

/** Over TCP, a host a rank. */
export async function measureHosts(
  build: URL,
  hosts: Hosts,
  ranks: number,
  sizes: readonly number[],
): Promise<Measurement[]> {
  const command = [process.execPath, ...process.execArgv, RANK_PROGRAM];
  const children = Array.from({ length: ranks }, (_, rank) => {
    const [program, ...args] = hosts.run(rank, command);
    return spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  });
  // A port that is free here need not be on another host, but nothing else runs there.
  const port = await freePort();
  const endpoints = hosts.addresses.slice(0, ranks).map((address) => `tcp://${address}:${port}`);
  return measured(
    ranks,
    await runRanks(build, children, { endpoints, token: "scale", sizes: sizes.map(withIterations) }),
  );
}

/** On one machine, through shared memory or over ZeroMQ's Unix sockets. */
export async function measureHere(
  build: URL,
  transport: "auto" | "zmq",
  ranks: number,
  sizes: readonly number[],
): Promise<Measurement[]> {
  const { endpoints, token, remove } = openSocketFolder(ranks);
  const env = { ...process.env, DDP_TRANSPORT: transport };
  const children = endpoints.map(() => fork(RANK_PROGRAM, { stdio: "inherit", env }));
  try {
    return measured(
      ranks,
      await runRanks(build, children, { endpoints, token, sizes: sizes.map(withIterations) }),
    );
  } finally {
    remove();
  }
}

function measured(
  ranks: number,
  timings: Readonly<Record<string, { readonly reduce: number }>>,
): Measurement[] {
  return Object.entries(timings).map(([bytes, { reduce }]) => ({
    ranks,
    bytes: Number(bytes),
    seconds: reduce / 1e6,
  }));
}

/** The median of several rounds, size by size. */
export function medians(rounds: readonly (readonly Measurement[])[]): Measurement[] {
  return rounds[0].map((first) => {
    const same = rounds.flat().filter(({ ranks, bytes }) => ranks === first.ranks && bytes === first.bytes);
    return { ...first, seconds: spread(same.map((each) => each.seconds)).median };
  });
}

/** Seconds of a training step by stage: the built-in recipe's, in its last epoch of two. */
export async function measureSteps(
  build: URL,
  data: string,
  workers: number,
): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), "ddp-scale-"));
  try {
    const cli = fileURLToPath(new URL("launcher/cli.js", build));
    const logdir = join(folder, "run");
    const places = ["--dataset", "mnist", "--data-dir", data, "--logdir", logdir];
    await runProgram(process.execPath, [cli, "--workers", String(workers), "--epochs", "2", ...places]);
    const { stages } = JSON.parse(readFileSync(join(logdir, "summary.json"), "utf8")) as RunSummary;
    return Object.fromEntries(
      stages.map(({ stage, epochs }) => {
        const train = epochs.at(-1)?.train;
        if (typeof train !== "object") throw new Error(`stage ${stage} has no train loader`);
        return [stage, train.seconds / Math.ceil(train.samples / workers / BATCH)];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Samples a batch and worker, the command's default. */
const BATCH = 32;
