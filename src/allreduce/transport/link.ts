// What the collectives ask of a transport: one rank's link to every other rank. Ranks here are those of the whole run;
// process groups of some of them share the link, and each message says whose it is.
import type { Message } from "./message.js";

/** A part of a collective, to be sent. */
export type Outgoing = Omit<Message, "kind" | "sender" | "receiver">;

export interface Link {
  readonly rank: number;
  readonly worldSize: number;
  readonly wakeUps: WakeUps;
  /**
   * Queues a message for a rank. The payload is not copied and queued is not sent: it must stay unchanged until that
   * rank is known to have it.
   */
  send(rank: number, message: Outgoing): Promise<void>;
  /**
   * The next message of a rank in a group, later than all before it in (sequence, step); null when none came within
   * `timeoutMs`, or the link was closed meanwhile.
   * @throws PeerError when any rank has told that it has failed.
   */
  receive(rank: number, group: string, timeoutMs: number): Promise<Message | null>;
  /** Of each rank the first message in a group that has come and was not received yet. */
  unreceived(group: string): Message[];
  /** Resolves when connected to all ranks that it must be connected to before they stop accepting. */
  reach(): Promise<void>;
  /** Lets nobody else in, where the transport can; who is connected stays. For when all ranks are. */
  stopAccepting(): Promise<void>;
  /** Makes what the ranks that this one is connected to receive reject, soon; they tell those they are connected to. */
  tellFailure(cause: string): void;
  /** What is queued still goes out, for a moment, unless the process is made to exit. */
  close(): void;
}

/** How ranks that wait for shared memory, and may sleep over it, are told to look again. */
export interface WakeUps {
  /** Ends the other rank's wait, or its next one; never rejects. */
  wake(rank: number): void;
  /**
   * Resolves when woken, when any message has come, or when `timeoutMs` have passed.
   * @throws PeerError when any rank has told that it has failed.
   */
  waitForMessageOrWake(timeoutMs: number): Promise<void>;
}
