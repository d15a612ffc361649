// What the multi-process tests of the ring and their forked ranks say to each other.
import type { Transport } from "../../src/allreduce/open-group.js";
import type { SerializedError } from "../../src/core/errors.js";

export interface RingTask {
  /**
   * `finish` does `rounds` all-reduces and a broadcast; `forever` reports after `rounds` of them and goes on; `pause`
   * reports after half of the rounds, waits for another message, and then does as `finish`.
   */
  readonly mode: "finish" | "forever" | "pause";
  readonly rounds: number;
  readonly length: number;
  readonly rank: number;
  readonly worldSize: number;
  readonly endpoints: readonly string[];
  readonly token: string;
  readonly timeoutSeconds: number;
  readonly transport?: Transport;
}

export type RingReport =
  | { readonly type: "running" }
  | { readonly type: "warned"; readonly message: string }
  | { readonly type: "failed"; readonly error: SerializedError };
