// Being told to stop. The first SIGINT or SIGTERM asks politely, the second kills. A terminal's Ctrl-C reaches the
// workers too; they leave it to the launcher.
import { ExitCode } from "../core/errors.js";

export type StopSignal = "SIGINT" | "SIGTERM";

/** The run was stopped from outside. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exitCode: ExitCode;

  constructor(signal: StopSignal) {
    super(`interrupted by ${signal}`);
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

/** Turns this process's signals into an interruption, until `release` is called; `notify` is told of the first. */
export function trapSignals(notify: (signal: StopSignal) => void): Interruption & { release(): void } {
  const stop = new AbortController();
  const kill = new AbortController();
  let first = 0;
  const onSignal = (signal: StopSignal) => {
    if (!stop.signal.aborted) {
      first = performance.now();
      stop.abort(signal);
      notify(signal);
    } else if (performance.now() - first > SAME_KEYPRESS) {
      kill.abort(signal);
    }
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    stop: stop.signal,
    kill: kill.signal,
    release: () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal),
  };
}

/** Resolves with the signal's name once it is aborted. */
export function whenAborted(signal: AbortSignal): Promise<StopSignal> {
  return new Promise((resolve) => {
    const onAbort = () => resolve(signal.reason === "SIGTERM" ? "SIGTERM" : "SIGINT");
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
