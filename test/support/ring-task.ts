// What the multi-process test of the ring and its forked ranks say to each other.
import type { SerializedError } from "../../src/core/errors.js";

export interface RingTask {
  /** `finish` does `rounds` all-reduces and a broadcast; `forever` reports after `rounds` of them and goes on. */
  readonly mode: "finish" | "forever";
  readonly rounds: number;
  readonly length: number;
  readonly rank: number;
  readonly worldSize: number;
  readonly endpoints: readonly string[];
  readonly token: string;
  readonly timeoutSeconds: number;
}

export type RingReport =
  | { readonly type: "running" }
  | { readonly type: "failed"; readonly error: SerializedError };
