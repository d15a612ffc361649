// What the collectives ask of a transport: one rank's link to the next rank and from the previous one.
import type { Message, Outgoing } from "./envelope.js";

export interface Link {
  readonly rank: number;
  readonly worldSize: number;
  /**
   * Queues a message for the next rank. The payload is not copied and queued is not sent: it must stay unchanged
   * until the next rank is known to have it.
   */
  send(message: Omit<Outgoing, "sender">): Promise<void>;
  /**
   * The next message, later than all before it in (sequence, step); null when none came within `timeoutMs`, or the
   * link was closed meanwhile.
   */
  receive(timeoutMs: number): Promise<Message | null>;
  /** Ends the other rank's `doze`, if it is in one; never rejects. */
  wake(rank: number): Promise<void>;
  /** As `receive`, but also null as soon as another rank calls `wake`; `receive` does not hear that. */
  doze(timeoutMs: number): Promise<Message | null>;
  /** Gives back what came too early; it comes again, after all given back before, and before what is new. */
  hold(message: Message): void;
  /** Resolves when this rank can be heard by all that it may have to wake. */
  reach(): Promise<void>;
  /** Lets nobody else in, where the transport can; who is connected stays. For when all ranks are. */
  shut(): Promise<void>;
  /** What is queued still goes out, for a moment, unless the process is made to exit. */
  close(): void;
}
