// Finds out, in a throw-away process, which engine can be had. A native library that aborts takes only that process
// down; `--device auto` then asks engine by engine, and the ones that abort are skipped like any other.
import { RunError, UsageError } from "../../core/errors.js";
import { type Device, ENGINES, type EngineName } from "../../core/options.js";
import type { EngineChoice, FromWorker } from "../../core/protocol.js";
import { factsOf } from "../../engine/engines.js";
import { type Ended, startChild } from "./child.js";
import { deferred } from "./deferred.js";
import { Interrupted, whenAborted } from "./interruption.js";
import { probeEnv } from "./worker-env.js";

export interface Probed {
  readonly choice: EngineChoice;
  /** GPUs that this machine lets us use. */
  readonly gpus: number;
}

export interface ProbeIo {
  readonly entry: URL;
  readonly env: NodeJS.ProcessEnv;
  readonly stop: AbortSignal;
}

/** A probe's answer, or why there is none. */
type Answer = Extract<FromWorker, { type: "probed" | "probe-failed" }> | { type: "died"; reason: string };

/**
 * Seconds in which a probe must answer. Loading an engine takes one or two; only a GPU newer than the CUDA build
 * needs longer, up to 30 minutes once, while its kernels are compiled: DDP_PROBE_TIMEOUT=1800 allows that.
 */
const PROBE_SECONDS = 60;

/**
 * Resolves `device` to an engine for `workers` workers (null: one per GPU).
 * @throws UsageError when a device asked for by name cannot be had; Interrupted.
 */
export async function probe(device: Device, workers: number | null, io: ProbeIo): Promise<Probed> {
  const answer = await ask(device, workers, io);
  if (answer.type === "probed") return answer;
  if (answer.type === "died" && device === "auto") return probeOneByOne(workers, io);
  if (answer.type === "died") {
    throw new UsageError(`--device ${device}: ${answer.reason}; use --device auto to train on what there is`);
  }
  if (answer.error.usage) throw new UsageError(answer.error.message);
  throw new RunError(`the probe of the compute engines failed: ${answer.error.stack}`);
}

async function probeOneByOne(workers: number | null, io: ProbeIo): Promise<Probed> {
  const skipped: { engine: EngineName; reason: string }[] = [];
  for (const engine of ENGINES) {
    const answer = await ask(engine, workers, io);
    if (answer.type === "probed") return { ...answer, choice: { ...answer.choice, skipped } };
    skipped.push({
      engine,
      reason: answer.type === "died" ? answer.reason : bareReason(answer.error.message),
    });
  }
  const reasons = skipped.map(({ engine, reason }) => `${engine}: ${reason}`);
  throw new RunError(`no compute engine works on this machine; ${reasons.join("; ")}`);
}

/** A refusal of one device, without the words meant for someone who had typed that device. */
function bareReason(message: string): string {
  return message.replace(/^--device \w+: /, "").replace(/; use --device .*$/, "");
}

async function ask(device: Device, workers: number | null, io: ProbeIo): Promise<Answer> {
  const seconds = Number(io.env.DDP_PROBE_TIMEOUT) || PROBE_SECONDS;
  const answer = deferred<Answer>();
  let lastWords = "";
  const child = startChild({
    entry: io.entry,
    env: probeEnv(io.env, device),
    stdout: () => {},
    stderr: (line) => {
      if (line.trim() !== "") lastWords = line.trim();
    },
    onMessage: (message) => {
      if (message.type === "probed" || message.type === "probe-failed") answer.resolve(message);
    },
  });
  let deadline: NodeJS.Timeout | undefined;
  const late = new Promise<Answer>((resolve) => {
    const reason = `the probe gave no answer in ${seconds} s (DDP_PROBE_TIMEOUT=<seconds> allows more)`;
    deadline = setTimeout(() => resolve({ type: "died", reason }), seconds * 1000);
  });
  const died = child.ended.then((end): Answer => ({ type: "died", reason: deathOf(device, end, lastWords) }));
  const interrupted = whenAborted(io.stop).then((signal): never => {
    throw new Interrupted(signal);
  });
  try {
    child.send({ type: "probe", device, workers });
    return await Promise.race([answer.promise, died, late, interrupted]);
  } finally {
    clearTimeout(deadline);
    // It holds nothing worth a farewell, and a GPU must be free again before the workers start.
    await child.stop(0);
  }
}

function deathOf(device: Device, { code, signal, error }: Ended, lastWords: string): string {
  const how = error
    ? `did not start: ${error.message}`
    : signal
      ? `died with signal ${signal}`
      : `ended with code ${code}`;
  const meaning = signal && device !== "auto" ? factsOf(device).deaths[signal] : undefined;
  if (meaning !== undefined) return `the probe ${how}: ${meaning}`;
  return `the probe ${how}${lastWords === "" ? "" : ` (${lastWords.slice(0, 160)})`}`;
}
