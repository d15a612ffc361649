// What has come for one rank, sorted by who sent it in which process group, and who waits for what. Knows no socket.
// Promises: of each sender and group messages are taken once and in order; a replay, or what is meant for another
// rank, is dropped; every wait ends by its time; a failure that was told ends all waits, those to come too.
import { PeerError, RunError } from "../../core/errors.js";
import type { Message } from "./message.js";

interface Channel {
  readonly messages: Message[];
  /** Place of the last message that was taken. */
  sequence: number;
  step: number;
}

interface Waiter {
  /** What is waited for; null is anything, also a wake-up. */
  readonly channel: Channel | null;
  readonly end: () => void;
}

export class Inbox {
  readonly #rank: number;
  readonly #worldSize: number;
  /** By group, then by sender. */
  readonly #groups = new Map<string, Channel[]>();
  readonly #waiters = new Set<Waiter>();
  #isEmptyYet = true;
  /** A wake-up that came while nobody waited. */
  #isWoken = false;
  #isClosed = false;
  #failure: Error | null = null;

  constructor(rank: number, worldSize: number) {
    this.#rank = rank;
    this.#worldSize = worldSize;
  }

  get hasWaiters(): boolean {
    return this.#waiters.size > 0;
  }

  /**
   * Takes a message in; false when it is dropped.
   * @throws RunError when the very first message is meant for another rank, or comes from one that does not exist:
   * then the ranks have been told different things.
   */
  put(message: Message): boolean {
    const { kind, sender, receiver } = message;
    if (receiver !== this.#rank || sender === this.#rank || sender >= this.#worldSize) {
      if (!this.#isEmptyYet) return false;
      throw new RunError(
        `rank ${this.#rank} of ${this.#worldSize} got a message from rank ${sender} to rank ${receiver}; ` +
          "do all ranks have the same endpoints and world size?",
      );
    }
    if (kind === "wake") this.#wake();
    else if (kind === "failure") this.fail(new PeerError(new TextDecoder().decode(message.payload)));
    else return this.#putPart(message);
    return true;
  }

  /**
   * The next message of a sender in a group; null when none came within `timeoutMs`, or all waits were ended.
   * @throws PeerError when a failure was told.
   */
  async take(sender: number, group: string, timeoutMs: number): Promise<Message | null> {
    this.#throwIfFailed();
    const channel = this.#channel(group, sender);
    if (channel.messages.length === 0) await this.#wait(channel, timeoutMs);
    this.#throwIfFailed();
    return channel.messages.shift() ?? null;
  }

  /** Resolves at the next wake-up or message, at once if a wake-up has come unseen, or after `timeoutMs`. */
  async takeWake(timeoutMs: number): Promise<void> {
    this.#throwIfFailed();
    if (!this.#isWoken) await this.#wait(null, timeoutMs);
    this.#isWoken = false;
    this.#throwIfFailed();
  }

  /** Of each sender the first message in a group that nobody has taken. */
  unreceived(group: string): Message[] {
    return (this.#groups.get(group) ?? []).flatMap(({ messages }) => messages.slice(0, 1));
  }

  /** Ends all waits, and those to come, with this error; the first one stays. */
  fail(cause: Error): void {
    this.#failure ??= cause;
    this.close();
  }

  /** Ends all waits, and those to come at once: nothing comes any more. */
  close(): void {
    this.#isClosed = true;
    for (const { end } of this.#waiters) end();
  }

  #putPart(message: Message): boolean {
    const { group, sender, sequence, step } = message;
    const channel = this.#channel(group, sender);
    if (sequence < channel.sequence || (sequence === channel.sequence && step <= channel.step)) return false;
    this.#isEmptyYet = false;
    channel.sequence = sequence;
    channel.step = step;
    channel.messages.push(message);
    for (const waiter of this.#waiters) {
      if (waiter.channel === channel || waiter.channel === null) waiter.end();
    }
    return true;
  }

  #wake(): void {
    this.#isWoken = true;
    for (const waiter of this.#waiters) if (waiter.channel === null) waiter.end();
  }

  #wait(channel: Channel | null, timeoutMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve();
      };
      const timer = setTimeout(end, timeoutMs);
      const waiter: Waiter = { channel, end };
      this.#waiters.add(waiter);
    });
  }

  #channel(group: string, sender: number): Channel {
    let channels = this.#groups.get(group);
    if (channels === undefined) {
      channels = Array.from({ length: this.#worldSize }, () => ({ messages: [], sequence: -1, step: -1 }));
      this.#groups.set(group, channels);
    }
    return channels[sender];
  }

  #throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}
