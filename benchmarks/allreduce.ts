// `bench allreduce`: our process group in real processes on this machine, against gloo in turns and against a plain
// copy of the same bytes through memory.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { openSocketFolder } from "../src/launcher/processes/socket-folder.js";
import type { RankOrders, Timings } from "./allreduce-rank.js";
import type { Report } from "./entry.js";
import { PYTHON, root } from "./places.js";
import { freePort, runProgram } from "./processes.js";
import { pairedRatios, spread } from "./statistics.js";
import { cell, markdownTable, shortNumber } from "./table.js";
import { takeTurns } from "./turns.js";

export interface AllReduceBench {
  readonly build: URL;
  readonly ranks: readonly number[];
  /** Bytes of float32 values, multiples of 4. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** Version of the torch whose gloo to race against, or null to run ours alone. */
  readonly torch: string | null;
  readonly progress: (line: string) => void;
}

type Runner = "ours" | "gloo";
/** Above this, ranks share cores many times over: one round is for the curve, not for the race. */
const MOST_RACED_RANKS = 4;
/** What our time should be at most of gloo's, up to so many bytes. */
const TARGETS = [
  { bytes: 407_080, most: 0.5 },
  { bytes: 4_000_000, most: 0.8 },
  { bytes: 40_000_000, most: 1 },
];

/** Runs the race for each number of ranks. */
export async function benchAllReduce(bench: AllReduceBench): Promise<Report> {
  const { build, sizes, torch, progress } = bench;
  const tables: string[] = [];
  for (const ranks of bench.ranks) {
    const rounds = ranks > MOST_RACED_RANKS ? 1 : bench.rounds;
    const contestants = {
      ours: () => runOurs(build, ranks, sizes),
      ...(torch === null ? {} : { gloo: () => runGloo(ranks, sizes) }),
    };
    const told = (name: Runner, round: number) =>
      progress(`${ranks} ranks, round ${round + 1} of ${rounds}: ${name}`);
    const runs = await takeTurns<Runner, Timings>(contestants, rounds, told);
    tables.push(raceTable(ranks, sizes, rounds, runs));
  }
  const reading =
    "Microseconds a call, mean of a run, median of the rounds (smallest to largest). Times are ours over theirs, " +
    "run by run: below 1x, ours is faster. copy: the same bytes once through memory, in every rank at once.";
  const peers = torch === null ? [] : [`gloo_allreduce.py N BYTES:ITERATIONS... (torch ${torch})`];
  return { body: [reading, ...tables].join("\n\n"), peers };
}

/** Calls that are timed: as many as the peer's program makes. */
function iterationsOf(bytes: number): number {
  if (bytes > 4e6) return 5;
  return bytes > 8e5 ? 30 : 300;
}

async function runOurs(build: URL, worldSize: number, sizes: readonly number[]): Promise<Timings> {
  const { endpoints, token, remove } = openSocketFolder(worldSize);
  const children = endpoints.map(() => fork(RANK_PROGRAM, { stdio: "inherit" }));
  try {
    return await runRanks(build, children, { endpoints, token, sizes: sizes.map(withIterations) });
  } finally {
    remove();
  }
}

/** What {@link runRanks} starts for each rank, with an IPC channel. */
export const RANK_PROGRAM = join(root, "benchmarks/allreduce-rank.ts");

/** Lets processes of {@link RANK_PROGRAM}, by rank, measure the build's all-reduce, and ends them. */
export async function runRanks(
  build: URL,
  children: readonly ChildProcess[],
  orders: Omit<RankOrders, "rank" | "module">,
): Promise<Timings> {
  const module = new URL("allreduce/open-group.js", build).href;
  try {
    const results = children.map((child, rank) => {
      child.send({ ...orders, rank, module } satisfies RankOrders);
      return resultOf(child, rank);
    });
    return (await Promise.all(results))[0];
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

function withIterations(bytes: number) {
  return { bytes, iterations: iterationsOf(bytes) };
}

async function resultOf(child: ChildProcess, rank: number): Promise<Timings> {
  const ended = once(child, "exit").then(([code, signal]) => {
    throw new Error(`rank ${rank} ended with ${signal ?? code} before its work was done`);
  });
  // The rank that has answered ends too.
  ended.catch(() => {});
  const [timings] = (await Promise.race([once(child, "message"), ended])) as [Timings];
  return timings;
}

async function runGloo(ranks: number, sizes: readonly number[]): Promise<Timings> {
  const script = join(root, "benchmarks/peers/gloo_allreduce.py");
  const args = [script, ranks, ...sizes.map((bytes) => `${bytes}:${iterationsOf(bytes)}`)].map(String);
  const { stdout } = await runProgram(PYTHON, args, { env: { PORT: String(await freePort()) } });
  const means = JSON.parse(stdout) as Record<string, number>;
  return Object.fromEntries(Object.entries(means).map(([bytes, reduce]) => [bytes, { reduce, copy: 0 }]));
}

function raceTable(
  ranks: number,
  sizes: readonly number[],
  rounds: number,
  { ours = [], gloo }: Partial<Record<Runner, readonly Timings[]>>,
): string {
  const versus = gloo === undefined ? [] : ["gloo, us", "ours / gloo", "wanted", "met"];
  const title = `${ranks} ranks, ${rounds === 1 ? "1 round" : `${rounds} rounds`}`;
  const rows = sizes.map((bytes) => {
    const reduce = ours.map((timings) => timings[bytes].reduce);
    const copy = ours.map((timings) => timings[bytes].copy);
    const theirs = gloo?.map((timings) => timings[bytes].reduce);
    return [
      sizeText(bytes),
      cell(reduce),
      ...(theirs === undefined ? [] : gloosCells(bytes, ranks, reduce, theirs)),
      cell(copy),
      cell(pairedRatios(reduce, copy), "x"),
    ];
  });
  return markdownTable([[title, "ours, us", ...versus, "copy, us", "ours / copy"], ...rows]);
}

function gloosCells(
  bytes: number,
  ranks: number,
  ours: readonly number[],
  gloos: readonly number[],
): string[] {
  const ratios = pairedRatios(ours, gloos);
  const target = ranks > MOST_RACED_RANKS ? undefined : TARGETS.find((candidate) => bytes <= candidate.bytes);
  const verdict = (most: number) => [`${most}x`, spread(ratios).median <= most ? "yes" : "no"];
  return [cell(gloos), cell(ratios, "x"), ...(target ? verdict(target.most) : ["-", "-"])];
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${Number(shortNumber(bytes / 1e3))} KB` : `${Number(shortNumber(bytes / 1e6))} MB`;
}
