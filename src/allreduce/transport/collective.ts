// One collective as one rank sees it: numbers the messages to each other rank, and checks those from each. Ranks are
// those of the process group whose collective it is; errors name them as the run does.
// Promises: a payload is handed on only when its sender is in the same collective, with the same arguments, at the same
// message; everything else is an error that names both sides.
import { PeerError, RunError } from "../../core/errors.js";
import type { Link } from "./link.js";
import { MAX_MESSAGE_BYTES, type Message } from "./message.js";

/** The ranks of a process group, and the link that this one shares with all groups that it is in. */
export interface Members {
  readonly link: Link;
  /** Equal on all members, and no other group's: "" is the group of all ranks. */
  readonly group: string;
  /** The run's ranks, by rank within the group. */
  readonly ranks: readonly number[];
  /** This rank within the group. */
  readonly rank: number;
}

export class Collective {
  readonly rank: number;
  readonly worldSize: number;
  readonly sequence: number;
  readonly operation: string;
  readonly timeoutMs: number;
  readonly #members: Members;
  /** Messages so far, by rank. */
  readonly #sent = new Map<number, number>();
  readonly #received = new Map<number, number>();

  /** `operation` says the collective and all that ranks must agree on, in words that fit an error message. */
  constructor(members: Members, sequence: number, operation: string, timeoutMs: number) {
    this.rank = members.rank;
    this.worldSize = members.ranks.length;
    this.#members = members;
    this.sequence = sequence;
    this.operation = operation;
    this.timeoutMs = timeoutMs;
  }

  /** Queues a payload of any size for a rank; see {@link Link.send} for how long it must stay unchanged. */
  async send(rank: number, payload: Uint8Array): Promise<void> {
    const { link, group, ranks } = this.#members;
    let step = this.#sent.get(rank) ?? 0;
    let start = 0;
    do {
      const end = Math.min(start + MAX_MESSAGE_BYTES, payload.byteLength);
      this.#sent.set(rank, step + 1);
      await link.send(ranks[rank], {
        group,
        sequence: this.sequence,
        operation: this.operation,
        step: step++,
        payload: payload.subarray(start, end),
        rest: payload.byteLength - end,
      });
      start = end;
    } while (start < payload.byteLength);
  }

  /**
   * A rank's next payload.
   * @throws PeerError when it does not come in time or a rank has failed elsewhere, RunError when ranks disagree.
   */
  async receive(rank: number): Promise<Uint8Array> {
    const first = await this.#receiveMessage(rank);
    if (first.rest === 0) return first.payload;
    const whole = new Uint8Array(first.payload.byteLength + first.rest);
    whole.set(first.payload);
    for (let left = first.rest; left > 0; ) {
      const { payload, rest } = await this.#receiveMessage(rank);
      if (payload.byteLength === 0 || payload.byteLength + rest !== left) {
        throw new RunError(`rank ${this.#members.ranks[rank]} broke off a payload in ${this.#here}`);
      }
      whole.set(payload, whole.byteLength - left);
      left = rest;
    }
    return whole;
  }

  /** The error of a rank that has waited for another one in vain. */
  waitedFor(rank: number): PeerError {
    const { ranks } = this.#members;
    const seconds = this.timeoutMs / 1000;
    const message = `rank ${ranks[this.rank]} waited ${seconds} s for rank ${ranks[rank]} in ${this.#here}`;
    return new PeerError(message, ranks[rank]);
  }

  /** Resolves when this rank is connected to all that it could not connect to later. */
  reach(): Promise<void> {
    return this.#members.link.reach();
  }

  /** Ends the other rank's {@link Collective.waitForMessageOrWake}, or its next one. */
  wake(rank: number): void {
    this.#members.link.wakeUps.wake(this.#members.ranks[rank]);
  }

  /**
   * Waits without a message being due: until woken, a message has come, or `timeoutMs` have passed. To be called again
   * until what is waited for is there: what has come is looked at first.
   * @throws PeerError when a rank has failed elsewhere, RunError when another one is in another operation.
   */
  async waitForMessageOrWake(timeoutMs: number): Promise<void> {
    const { link, group } = this.#members;
    for (const { sender, sequence, operation } of link.unreceived(group)) {
      // Who has got what this rank waits for may be further on.
      if (sequence <= this.sequence) this.#check(sender, sequence, operation);
    }
    await link.wakeUps.waitForMessageOrWake(timeoutMs);
  }

  /** @throws RunError when `rank` is in another operation than this. */
  checkOperation(rank: number, sequence: number, operation: string): void {
    this.#check(this.#members.ranks[rank], sequence, operation);
  }

  async #receiveMessage(rank: number): Promise<Message> {
    const { link, group, ranks } = this.#members;
    const message = await link.receive(ranks[rank], group, this.timeoutMs);
    if (message === null) throw this.waitedFor(rank);
    const { sender, sequence, operation, step } = message;
    this.#check(sender, sequence, operation);
    const expected = this.#received.get(rank) ?? 0;
    if (step !== expected) {
      throw new RunError(
        `rank ${ranks[this.rank]} got message ${step} of rank ${sender}, not ${expected}, in ${this.#here}`,
      );
    }
    this.#received.set(rank, expected + 1);
    return message;
  }

  #check(runRank: number, sequence: number, operation: string): void {
    if (sequence === this.sequence && operation === this.operation) return;
    throw new RunError(
      `rank ${this.#members.ranks[this.rank]} is in ${this.#here}, ` +
        `but rank ${runRank} is in ${operation} (operation ${sequence})`,
    );
  }

  get #here(): string {
    return `${this.operation} (operation ${this.sequence})`;
  }
}
