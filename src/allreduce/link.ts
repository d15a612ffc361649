// What the collectives ask of a transport: one rank's link to the next rank and from the previous one.
import type { Message } from "./envelope.js";

export interface Link {
  readonly rank: number;
  readonly worldSize: number;
  /**
   * Queues a message for the next rank. The payload is not copied and queued is not sent: it must stay unchanged
   * until the next rank is known to have it.
   */
  send(sequence: number, operation: string, step: number, payload: Uint8Array): Promise<void>;
  /** The next message; null when none came within `timeoutMs`, or the link was closed meanwhile. */
  receive(timeoutMs: number): Promise<Message | null>;
  /** What is queued still goes out, for a moment, unless the process is made to exit. */
  close(): void;
}
