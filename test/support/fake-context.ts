// A stand-in for the run that a callback sees: it has what a test gives it, and nothing else.
import type { RunContext } from "../../src/core/context.js";
import type { Log } from "../../src/core/process-log.js";

/** What a test gives; options and group need only the parts that the callback looks at. */
export type GivenContext = Partial<Omit<RunContext, "options" | "group" | "counters" | "loader">> & {
  readonly options?: Partial<RunContext["options"]>;
  readonly group?: Partial<RunContext["group"]>;
  readonly counters?: Partial<RunContext["counters"]>;
  readonly loader?: Partial<RunContext["loader"]>;
};

/** A context of these parts. @throws Error when the callback reads one that was not given. */
export function fakeContext(given: GivenContext): RunContext {
  return new Proxy(given, {
    get(parts, key) {
      if (key in parts) return Reflect.get(parts, key);
      throw new Error(`the callback reads context.${String(key)}, which the test does not give`);
    },
  }) as RunContext;
}

/** A log that keeps what it is told, `level: message`. */
export function listeningLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const note = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  const log = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  return { log, lines };
}
