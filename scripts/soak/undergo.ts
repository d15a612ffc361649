// One fault and its sequel: a run is started, the fault befalls it, it ends or restarts, is resumed if need be, and is
// compared with a run that nothing befell.
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { RunProcess } from "../../test/support/run-process.js";
import { type PlantedFault, type Results, Trial } from "../../test/support/trial.js";
import type { Disturbance, Plan } from "./plan.js";

export interface Verdict {
  /** False when the run was over before the fault came: it counts as not tried. */
  readonly happened: boolean;
  /** What was promised and not kept, in words. */
  readonly wrong: readonly { readonly what: Wrong; readonly detail: string }[];
  /** How it went, in a few words. */
  readonly course: string;
}
export type Wrong = "lost" | "hang" | "orphan" | "leftover" | "message";

/** Milliseconds in which a broken run is gone; a hang shows only after the deadline of collectives. */
const SOON = 5000;
/** Seconds of that deadline where a hang is to come. Until the first all-reduce it is 5 times as long. */
const TIMEOUT = 2;
/** To fill the heap takes its time. */
const MEMORY = 20_000;
const RESTARTS = 3;

export async function undergo(
  plan: Plan,
  setup: { readonly folder: string; readonly data: string },
  expected: Results,
): Promise<Verdict> {
  const { fault, workers, every, recovery } = plan;
  const hangs = fault.kind === "stop" || fault.kind === "loop";
  const args = [
    ...(every === null ? [] : ["--checkpoint-every", String(every)]),
    ...(hangs ? ["--timeout", String(TIMEOUT)] : []),
    ...(recovery === "restart" ? ["--max-restarts", String(RESTARTS)] : []),
  ];
  const trial = new Trial({ ...setup, workers, args });
  const wrong: { what: Wrong; detail: string }[] = [];
  const env = fault.kind === "memory" ? { NODE_OPTIONS: "--max-old-space-size=100" } : {};
  const run = trial.start("stage" in fault ? fault : null, env);
  const at = "stage" in fault ? await planted(run, trial, fault) : await disturb(run, trial, fault);
  let ended = await run.ended;
  const limit = SOON + (hangs ? 5000 * TIMEOUT : 0) + (fault.kind === "memory" ? MEMORY : 0);
  const seconds = at === false ? 0 : Math.max(0, (ended.at - at) / 1000);
  let course =
    at === false ? "too late" : `${ended.signal ?? `exit ${ended.code}`} after ${seconds.toFixed(1)} s`;

  // A restarted run goes on to its end.
  const isOver = recovery === "resume" || ended.code !== 0;
  const deadline = at !== false && isOver ? at + limit : ended.at + SOON;
  if (ended.at > deadline) wrong.push({ what: "hang", detail: `${course}: ${ended.stderr}` });
  const orphans = await run.gone(Math.max(0, deadline - Date.now()));
  if (orphans.length > 0) wrong.push({ what: "orphan", detail: orphans.join() });
  for (const pid of orphans) process.kill(pid, "SIGKILL");

  if (at !== false && !codesAfter(plan).includes(ended.signal ?? ended.code ?? "")) {
    wrong.push({ what: recovery === "restart" ? "lost" : "message", detail: `${course}: ${ended.stderr}` });
  }
  // Between the last word of a run and its end there is a moment in which it can be killed, too.
  const isComplete = trial.hasBegun && trial.hasEnded && trial.summary.status === "completed";
  if (ended.code !== 0 && !isComplete) {
    // Before a run has trained there is nothing to resume: it starts anew.
    course += trial.hasBegun ? ", resumed" : ", started anew";
    const again = trial.hasBegun ? trial.resume(null, "--timeout", "60") : trial.start();
    ended = await again.ended;
    await again.gone(SOON);
  }
  if (ended.code !== 0 && !isComplete)
    wrong.push({ what: "lost", detail: `exit ${ended.code}: ${ended.stderr}` });
  else if (!isDeepStrictEqual(trial.results(), expected)) {
    wrong.push({
      what: "lost",
      detail: `${JSON.stringify(trial.results())} is not ${JSON.stringify(expected)}`,
    });
  }
  const left = [...run.left(), ...run.processes()];
  if (left.length > 0) wrong.push({ what: "leftover", detail: left.join() });
  return { happened: at !== false, wrong, course };
}

/** Waits for the planted fault; when it happened. */
async function planted(run: RunProcess, trial: Trial, { kind }: PlantedFault): Promise<number | false> {
  if (kind === "SIGINT and loop") {
    await run.line(/press Ctrl-C again/).catch(() => {});
    const again = setInterval(() => run.signal("SIGINT"), 100);
    await run.ended;
    clearInterval(again);
  }
  await run.ended;
  return trial.happened;
}

/** Disturbs the run; when it did. */
async function disturb(run: RunProcess, trial: Trial, fault: Disturbance): Promise<number | false> {
  const { kind, rank, lines, delay: milliseconds } = fault;
  const isOver = await Promise.race([
    run.ended.then(() => true),
    (lines === 0 ? Promise.resolve() : run.line(/^(train|valid) \(/, lines).catch(() => {}))
      .then(() => delay(milliseconds))
      .then(() => false),
  ]);
  if (isOver) return false;
  const at = Date.now();
  if (kind === "kill all") run.killAll();
  else if (kind === "kill launcher") run.signal("SIGKILL");
  else if (kind === "SIGINT" || kind === "SIGTERM") run.signal(kind);
  else if (!hit(run, trial.workers()[rank], kind === "kill" ? "SIGKILL" : "SIGSTOP")) return false;
  return at;
}

function hit(run: RunProcess, pid: number | undefined, signal: NodeJS.Signals): boolean {
  // Its number may be another's by now.
  if (pid === undefined || !run.processes().includes(pid)) return false;
  process.kill(pid, signal);
  return true;
}

/** How the first run may end. What comes from outside may come when all is done but the goodbye. */
function codesAfter({ fault, recovery }: Plan): readonly (number | string)[] {
  if (recovery === "restart") return [0];
  // A signal at the last save finds nothing left to break off.
  const isLast = "stage" in fault && fault.loader === "save" && /^SIG\w+( to all)?$/.test(fault.kind);
  const late = "stage" in fault && !isLast ? [] : [0];
  if (/^kill (launcher|all)/.test(fault.kind)) return ["SIGKILL", ...late];
  if (fault.kind.startsWith("SIGINT")) return [130, ...late];
  if (fault.kind.startsWith("SIGTERM")) return [143, ...late];
  return [1, ...late];
}
