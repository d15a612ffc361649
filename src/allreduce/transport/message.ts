// What ranks say to each other, whatever carries it.

/**
 * What one message carries at most: transports refuse larger ones, so that nobody makes a rank reserve memory by
 * announcing some. Pieces of an all-reduce are smaller.
 */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Part of a collective; a wake-up, which says that there is something to look at; or why the sender has stopped. */
export const MESSAGE_KINDS = ["part", "wake", "failure"] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** One message as it arrived. */
export interface Message {
  readonly kind: MessageKind;
  readonly sender: number;
  readonly receiver: number;
  /** The process group whose collective this is; the one of all ranks is "". */
  readonly group: string;
  /** Number of the collective within its group, counted from 0 on every rank. */
  readonly sequence: number;
  /** The collective in words; equal on all ranks that do the same. */
  readonly operation: string;
  /** Number of the message within the collective, from this sender to this receiver. */
  readonly step: number;
  readonly payload: Uint8Array;
  /** Bytes that belong to this payload and follow in later messages. */
  readonly rest: number;
}
