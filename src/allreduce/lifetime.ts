// One end for all process groups over a link. Promises: the first failure ends them all, is what every later operation
// rejects with, and goes to the other ranks; what is to be closed is closed once.
import { messageOf, RunError } from "../core/errors.js";
import type { Link } from "./transport/link.js";

export class Lifetime {
  readonly #link: Link;
  readonly #endings = new Set<() => void>();
  /** Why it has ended. */
  #cause: Error | null = null;

  /** Ends, with the signal's reason, when it is aborted. */
  constructor(link: Link, signal?: AbortSignal | undefined) {
    this.#link = link;
    const onAbort = () => this.fail(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.onEnd(() => signal?.removeEventListener("abort", onAbort));
    if (signal?.aborted) onAbort();
  }

  /** The first failure, or that the group of all ranks was closed; null until then. */
  get cause(): Error | null {
    return this.#cause;
  }

  /** Calls `ending` once at the end, now if that was before; the result calls it earlier. */
  onEnd(ending: () => void): () => void {
    this.#endings.add(ending);
    const endNow = () => {
      if (this.#endings.delete(ending)) ending();
    };
    if (this.#cause !== null) endNow();
    return endNow;
  }

  /** Ends, unless it has ended; returns the first cause. */
  end(cause: Error): Error {
    if (this.#cause !== null) return this.#cause;
    this.#cause = cause;
    this.#link.close();
    for (const ending of this.#endings) ending();
    this.#endings.clear();
    return cause;
  }

  /** Ends, and tells the other ranks why; returns the first cause. */
  fail(thrown: unknown): Error {
    const cause = thrown instanceof Error ? thrown : new RunError(messageOf(thrown));
    if (this.#cause === null) this.#link.tellFailure(cause.message);
    return this.end(cause);
  }
}
