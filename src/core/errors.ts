// Two families of errors: the caller's mistake (exit 2, one line that says what to type instead) and a run that
// broke (exit 1). Everything else that is thrown is a bug and is treated as a broken run, with its stack.

export const ExitCode = { ok: 0, failed: 1, usage: 2, interrupted: 130, terminated: 143 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The caller's mistake. The message is one line: what was wrong, and what to do instead. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** What the message quotes (a path, a name out of a damaged file) may hold anything: it becomes one short line. */
  constructor(message: string, options?: ErrorOptions) {
    super(toOneLine(message), options);
  }
}

/** A run that broke through no fault of the command line: a lost peer, ranks that disagree. Exit code 1. */
export class RunError extends Error {
  override readonly name: string = "RunError";
}

/** A collective that did not finish: its message names the operation, this rank and the rank it waited for. */
export class PeerError extends RunError {
  override readonly name = "PeerError";
  /** The rank that this one waited for in vain; undefined when it only heard of the failure from others. */
  readonly silentRank: number | undefined;

  constructor(message: string, silentRank?: number) {
    super(message);
    this.silentRank = silentRank;
  }
}

/** An error as it crosses a process boundary. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** True for {@link UsageError}: the launcher then exits 2 with the message alone. */
  readonly usage: boolean;
  /** Of a {@link PeerError}: the rank that did not answer. */
  readonly silentRank?: number;
}

/** Turns anything thrown into plain data that survives a process boundary. */
export function serializeError(thrown: unknown): SerializedError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return {
    name: error.name,
    message: error.message,
    stack: error.stack ?? `${error.name}: ${error.message}`,
    usage: error.name === "UsageError",
    ...(error instanceof PeerError && error.silentRank !== undefined ? { silentRank: error.silentRank } : {}),
  };
}

/** The message of anything thrown, for embedding in another message. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** In characters; the middle of a longer message is left out. */
const LONGEST_LINE = 2000;

/** Line breaks become spaces, other characters that a terminal would act on their numbers. */
function toOneLine(text: string): string {
  const half = LONGEST_LINE / 2;
  const short = text.length > LONGEST_LINE ? `${text.slice(0, half)} ... ${text.slice(-half)}` : text;
  return short
    .replaceAll(/\s*[\r\n\u2028\u2029]\s*/g, " ")
    .replaceAll(/[\p{Cc}\p{Bidi_C}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
