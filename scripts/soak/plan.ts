// What befalls a run of the soak test: drawn from a seed, so that a bad one can be had again.
import { Mt19937, randperm } from "../../src/core/random.js";
import { FAULT_KINDS } from "../../test/support/fault.js";
import type { PlantedFault } from "../../test/support/trial.js";

export interface Plan {
  readonly workers: number;
  /** `--checkpoint-every`, or null. */
  readonly every: number | null;
  /** How the run goes on: `--max-restarts`, or `--resume` after its end. */
  readonly recovery: "restart" | "resume";
  readonly fault: PlantedFault | Disturbance;
}

/** Something from outside: at no particular place, also while the run starts, saves or ends. */
export interface Disturbance {
  readonly kind: "kill" | "stop" | "kill launcher" | "kill all" | "SIGINT" | "SIGTERM";
  /** Whom it befalls, where it is one worker. */
  readonly rank: number;
  /** So many lines of metrics are waited for, then so many milliseconds. */
  readonly lines: number;
  readonly delay: number;
}

/** Of the data that all runs train on: batches of 8 a run. */
export const TRAIN_BATCHES = 36;
export const VALID_BATCHES = 12;
/** Lines of metrics in a run: two loaders, two epochs, two stages. */
const LINES = 8;

const OUTSIDE = ["kill", "stop", "kill launcher", "kill all", "SIGINT", "SIGTERM"] as const;
/** What the launcher outlives, and a restart may mend. */
const MENDABLE: readonly string[] = ["kill", "abort", "memory", "exit", "throw", "reject", "stop", "loop"];

/** The `index`-th plan of a seed, without drawing those before. All kinds come in turn, and everything else at random. */
export function drawPlan(seed: number, index: number): Plan {
  const kinds = FAULT_KINDS.length + OUTSIDE.length;
  const turn = randperm(kinds, seed + Math.floor(index / kinds))[index % kinds];
  const random = new Mt19937(seed * 1_000_000 + index);
  const pick = <T>(choices: readonly T[]): T => choices[random.next() % choices.length];
  const workers = pick([2, 3, 4]);
  const rank = random.next() % workers;
  const fault =
    turn < FAULT_KINDS.length
      ? inside(FAULT_KINDS[turn], rank, workers, pick)
      : outside(OUTSIDE[turn - FAULT_KINDS.length], rank, pick);
  const recovery = MENDABLE.includes(fault.kind) ? pick(["restart", "resume"] as const) : "resume";
  return { workers, every: pick([null, 1, 2, 5]), recovery, fault };
}

type Pick = <T>(choices: readonly T[]) => T;

function inside(kind: PlantedFault["kind"], rank: number, workers: number, pick: Pick): PlantedFault {
  // Only training looks at the loss.
  const loader = kind === "nan" ? "train" : pick(["train", "train", "valid", "valid", "save"]);
  const batches = Math.floor((loader === "valid" ? VALID_BATCHES : TRAIN_BATCHES) / workers);
  const batch = pick(Array.from({ length: batches }, (_, i) => i + 1));
  return { kind, rank, stage: pick(["freezed", "unfreezed"]), epoch: pick([1, 2]), loader, batch };
}

function outside(kind: Disturbance["kind"], rank: number, pick: Pick): Disturbance {
  // Before the ranks are connected nobody waits for one that hangs but those who connect.
  const first = kind === "stop" ? 1 : 0;
  const lines = pick(Array.from({ length: LINES + 1 - first }, (_, i) => i + first));
  const longest = lines === 0 ? 2500 : 150;
  return { kind, rank, lines, delay: pick(Array.from({ length: longest }, (_, i) => i)) };
}

/** In words, for one line. */
export function describePlan({ workers, every, recovery, fault }: Plan): string {
  const place =
    "stage" in fault
      ? `at ${fault.stage}.${fault.epoch} ${fault.loader}${fault.loader === "save" ? "" : ` ${fault.batch}`}`
      : `from outside, ${fault.lines} lines and ${fault.delay} ms in`;
  const saving = every === null ? "" : `, saving every ${every}`;
  return `${fault.kind}, rank ${fault.rank} of ${workers}, ${place}${saving}, then ${recovery}`;
}
