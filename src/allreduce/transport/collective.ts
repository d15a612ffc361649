// One collective as one rank sees it: numbers the messages to the next rank, and checks those from the previous one.
// Promises: a payload is handed on only when the previous rank is in the same collective, with the same arguments, at
// the same message; everything else is an error that names both sides.
import { PeerError, RunError } from "../../core/errors.js";
import { previousRank } from "../algorithms/chunks.js";
import type { Message } from "./envelope.js";
import type { Link } from "./link.js";

/** Name under which a rank tells the next one that the group has failed; the payload is the cause. */
const FAILED = "failed";
/** Nothing comes after it. */
const LAST_SEQUENCE = Number.MAX_SAFE_INTEGER;

/**
 * What one message carries at most: transports refuse larger ones, so that nobody makes a rank reserve memory by
 * announcing some. Pieces of an all-reduce are smaller.
 */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

export class Exchange {
  readonly rank: number;
  readonly worldSize: number;
  readonly #link: Link;
  readonly sequence: number;
  readonly operation: string;
  readonly timeoutMs: number;
  #sent = 0;
  #received = 0;

  /** `operation` says the collective and all that ranks must agree on, in words that fit an error message. */
  constructor(link: Link, sequence: number, operation: string, timeoutMs: number) {
    this.rank = link.rank;
    this.worldSize = link.worldSize;
    this.#link = link;
    this.sequence = sequence;
    this.operation = operation;
    this.timeoutMs = timeoutMs;
  }

  /** Queues a payload of any size for the next rank; see {@link Link.send} for how long it must stay unchanged. */
  async send(payload: Uint8Array): Promise<void> {
    let start = 0;
    do {
      const end = Math.min(start + MAX_MESSAGE_BYTES, payload.byteLength);
      await this.#link.send({
        sequence: this.sequence,
        operation: this.operation,
        step: this.#sent++,
        payload: payload.subarray(start, end),
        rest: payload.byteLength - end,
      });
      start = end;
    } while (start < payload.byteLength);
  }

  /**
   * The previous rank's next payload.
   * @throws PeerError when it does not come in time or the ring has failed elsewhere, RunError when ranks disagree.
   */
  async receive(): Promise<Uint8Array> {
    const first = await this.#receiveMessage();
    if (first.rest === 0) return first.payload;
    const whole = new Uint8Array(first.payload.byteLength + first.rest);
    whole.set(first.payload);
    for (let left = first.rest; left > 0; ) {
      const { payload, rest } = await this.#receiveMessage();
      if (payload.byteLength === 0 || payload.byteLength + rest !== left) {
        throw new RunError(`rank ${this.#previous} broke off a payload in ${this.#here}`);
      }
      whole.set(payload, whole.byteLength - left);
      left = rest;
    }
    return whole;
  }

  async #receiveMessage(): Promise<Message> {
    const message = await this.#link.receive(this.timeoutMs);
    if (message === null) throw this.waitedFor(this.#previous);
    throwIfFailed(message);
    this.#check(message);
    this.#received++;
    return message;
  }

  /** The error of a rank that has waited for another one in vain. */
  waitedFor(rank: number): PeerError {
    const seconds = this.timeoutMs / 1000;
    return new PeerError(`rank ${this.rank} waited ${seconds} s for rank ${rank} in ${this.#here}`, rank);
  }

  /** Resolves when this rank can wake the others. */
  reach(): Promise<void> {
    return this.#link.reach();
  }

  /** Makes the other rank's `doze` end, if it is in one. */
  wake(rank: number): void {
    void this.#link.wake(rank);
  }

  /**
   * Waits without a message being due: until woken, or `timeoutMs` have passed.
   * @throws PeerError when the ring has failed elsewhere, RunError when the previous rank is in another operation.
   */
  async doze(timeoutMs: number): Promise<void> {
    const message = await this.#link.doze(timeoutMs);
    if (message === null) return;
    throwIfFailed(message);
    // The previous rank may have got what this one waits for, and be further on.
    if (message.sequence > this.sequence) this.#link.hold(message);
    else this.#check(message);
  }

  /** @throws RunError when `rank` is in another operation than this. */
  checkOperation(rank: number, sequence: number, operation: string): void {
    if (sequence === this.sequence && operation === this.operation) return;
    throw new RunError(
      `rank ${this.rank} is in ${this.#here}, but rank ${rank} is in ${operation} (operation ${sequence})`,
    );
  }

  #check({ sender, sequence, operation, step }: Message): void {
    if (sender !== this.#previous) {
      throw new RunError(
        `rank ${this.rank} of ${this.worldSize} expected rank ${this.#previous} at its endpoint, but rank ${sender} is there`,
      );
    }
    this.checkOperation(sender, sequence, operation);
    if (step !== this.#received) {
      throw new RunError(
        `rank ${this.rank} got message ${step} of rank ${sender}, not ${this.#received}, in ${this.#here}`,
      );
    }
  }

  get #here(): string {
    return `${this.operation} (operation ${this.sequence})`;
  }

  get #previous(): number {
    return previousRank(this.rank, this.worldSize);
  }
}

/** Tells the next rank why this one stops, so that the cause goes round the ring instead of many deadlines passing. */
export async function sendFailure(link: Link, cause: string): Promise<void> {
  const payload = new TextEncoder().encode(cause.slice(0, MAX_MESSAGE_BYTES / 4));
  await link.send({ sequence: LAST_SEQUENCE, operation: FAILED, step: 0, payload });
}

function throwIfFailed({ operation, payload }: Message): void {
  if (operation === FAILED) throw new PeerError(new TextDecoder().decode(payload));
}
