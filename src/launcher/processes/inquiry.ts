// A throw-away process that is asked something: it may hang or die, and is gone when its answers are there.
import type { FromWorker, ToWorker } from "../../core/protocol.js";
import { type Ended, startChild } from "./child.js";
import { deferred } from "./deferred.js";
import { Interrupted, whenAborted } from "./interruption.js";

export interface InquiryIo {
  /** The worker's program. */
  readonly entry: URL;
  /** Of this process; `childEnv` is what the other gets. */
  readonly env: NodeJS.ProcessEnv;
  readonly stop: AbortSignal;
}

export interface Inquiry {
  readonly question: ToWorker;
  readonly childEnv: NodeJS.ProcessEnv;
  /** True for the answer after which nothing more is waited for. */
  readonly isLast: (answer: FromWorker) => boolean;
  /** What it means when the process dies of a signal: one line. */
  readonly deaths?: Readonly<Partial<Record<NodeJS.Signals, string>>>;
}

export interface Answers {
  readonly answers: readonly FromWorker[];
  /** Why the last answer is missing; null when it is there. */
  readonly death: string | null;
}

/**
 * Seconds in which the process must answer. Loading an engine takes one or two; only a GPU newer than the CUDA build
 * needs longer, up to 30 minutes once, while its kernels are compiled: DDP_PROBE_TIMEOUT=1800 allows that.
 */
const PROBE_SECONDS = 60;

/** Asks, and resolves once the process has answered or is gone. @throws Interrupted */
export async function inquire(
  { question, childEnv, isLast, deaths }: Inquiry,
  io: InquiryIo,
): Promise<Answers> {
  const seconds = Number(io.env.DDP_PROBE_TIMEOUT) || PROBE_SECONDS;
  const answers: FromWorker[] = [];
  const complete = deferred<null>();
  let lastWords = "";
  const child = startChild({
    entry: io.entry,
    env: childEnv,
    stdout: () => {},
    stderr: (line) => {
      if (line.trim() !== "") lastWords = line.trim();
    },
    onMessage: (message) => {
      answers.push(message);
      if (isLast(message)) complete.resolve(null);
    },
  });
  let deadline: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    const reason = `the probe gave no answer in ${seconds} s (DDP_PROBE_TIMEOUT=<seconds> allows more)`;
    deadline = setTimeout(() => resolve(reason), seconds * 1000);
  });
  const died = child.ended.then((end) => deathOf(end, lastWords, deaths));
  const interrupted = whenAborted(io.stop).then((signal): never => {
    throw new Interrupted(signal);
  });
  try {
    child.send(question);
    return { death: await Promise.race([complete.promise, died, late, interrupted]), answers };
  } finally {
    clearTimeout(deadline);
    // It holds nothing worth a farewell, and a GPU must be free again before the workers start.
    await child.stop(0);
  }
}

/** The first answer of a type, if it was given. */
export function answerOf<T extends FromWorker["type"]>(
  answers: readonly FromWorker[],
  type: T,
): Extract<FromWorker, { type: T }> | undefined {
  return answers.find((answer): answer is Extract<FromWorker, { type: T }> => answer.type === type);
}

function deathOf({ code, signal, error }: Ended, lastWords: string, deaths: Inquiry["deaths"]): string {
  const how = error
    ? `did not start: ${error.message}`
    : signal
      ? `died with signal ${signal}`
      : `ended with code ${code}`;
  const meaning = signal && deaths?.[signal];
  if (meaning) return `the probe ${how}: ${meaning}`;
  return `the probe ${how}${lastWords === "" ? "" : ` (${lastWords.slice(0, 160)})`}`;
}
