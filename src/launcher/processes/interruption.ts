// Being told to stop. The first SIGINT, SIGTERM or SIGHUP asks politely, the second kills. A terminal's signals reach
// the workers too; they leave them to the launcher.
import { ExitCode } from "../../core/errors.js";

/** The signals that ask for an end. */
export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/** The run was stopped from outside; `goOn` is the command that goes on with it, null when it had not begun. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exitCode: ExitCode;

  constructor(signal: StopSignal, goOn: string | null = null) {
    super(`interrupted by ${signal}${goOn === null ? "" : `; to go on: ${goOn}`}`);
    this.exitCode = signal === "SIGINT" ? ExitCode.interrupted : ExitCode.terminated;
  }
}

/** How a run is told to stop: `stop` politely, `kill` at once. Their reason is the signal's name. */
export interface Interruption {
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
}

/** An interruption that never comes. */
export function noInterruption(): Interruption {
  return { stop: new AbortController().signal, kill: new AbortController().signal };
}

/** Milliseconds in which signals count as one: under `npm start`, Ctrl-C arrives from the terminal and from npm. */
const SAME_KEYPRESS = 500;

/** Turns this process's signals into an interruption, until `release` is called. */
export function trapSignals(): Interruption & { release(): void } {
  const stop = new AbortController();
  const kill = new AbortController();
  let first = 0;
  const onSignal = (signal: StopSignal) => {
    if (!stop.signal.aborted) {
      first = performance.now();
      stop.abort(signal);
    } else if (performance.now() - first > SAME_KEYPRESS) {
      kill.abort(signal);
    }
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  return {
    stop: stop.signal,
    kill: kill.signal,
    release: () => {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
    },
  };
}

/** Resolves with the signal's name once it is aborted. */
export function whenAborted(signal: AbortSignal): Promise<StopSignal> {
  return new Promise((resolve) => {
    const onAbort = () => resolve(signalOf(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** The signal's name that it was aborted with; a caller of `launch` may abort with anything. */
export function signalOf({ reason }: AbortSignal): StopSignal {
  return STOP_SIGNALS.find((name) => name === reason) ?? "SIGINT";
}
