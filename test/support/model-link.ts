// Modelled links between ranks. Zeromq reads a sent payload at some moment until it is received: a model link keeps the
// sender's own memory in flight, and calls it an error when it has changed by the time it is delivered, whatever the
// reader would have seen.

import type { Link, Outgoing, WakeUps } from "../../src/allreduce/transport/link.js";
import type { Message } from "../../src/allreduce/transport/message.js";
import type { Source } from "./model-source.js";

interface Flight {
  readonly message: Message;
  /** The payload as it was when it was sent. */
  readonly sent: Uint8Array;
}

/** What is on its way from one rank to another in one process group; messages between two arrive in order. */
class Channel implements Source {
  readonly name: string;
  readonly flights: Flight[] = [];
  count = 0;
  #waiting: ((message: Message | null) => void) | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get isReady(): boolean {
    return this.#waiting !== null && this.flights.length > 0;
  }

  receive(): Promise<Message | null> {
    if (this.#waiting !== null) throw new Error(`${this.name} is received twice at once`);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  fire(): void {
    const flight = this.flights.shift();
    if (flight === undefined) throw new Error(`there is nothing for ${this.name}`);
    const { message, sent } = flight;
    const { sender, operation, sequence, step } = message;
    if (!Buffer.from(sent).equals(message.payload)) {
      throw new Error(
        `rank ${sender} changed a buffer in flight: message ${step} of ${operation} (operation ${sequence})`,
      );
    }
    const waiting = this.#waiting;
    this.#waiting = null;
    this.count++;
    // Processes share no memory: what arrives is a copy.
    waiting?.({ ...message, payload: sent });
  }
}

export class ModelLink implements Link {
  readonly rank: number;
  readonly worldSize: number;
  /** Modelled memory needs no wake-ups. */
  readonly wakeUps: WakeUps = {
    wake() {},
    waitForMessageOrWake: () => Promise.reject(new Error("there is nothing to sleep over")),
  };
  readonly #links: readonly ModelLink[];
  readonly #channels = new Map<string, Channel>();

  private constructor(rank: number, worldSize: number, links: readonly ModelLink[]) {
    this.rank = rank;
    this.worldSize = worldSize;
    this.#links = links;
  }

  static all(worldSize: number): ModelLink[] {
    const links: ModelLink[] = [];
    for (let rank = 0; rank < worldSize; rank++) links.push(new ModelLink(rank, worldSize, links));
    return links;
  }

  async send(rank: number, outgoing: Outgoing): Promise<void> {
    const message: Message = { kind: "part", sender: this.rank, receiver: rank, ...outgoing };
    this.#links[rank]
      .#channel(this.rank, message.group)
      .flights.push({ message, sent: new Uint8Array(message.payload) });
  }

  receive(rank: number, group: string): Promise<Message | null> {
    return this.#channel(rank, group).receive();
  }

  unreceived(): Message[] {
    return [];
  }

  async reach(): Promise<void> {}

  async stopAccepting(): Promise<void> {}

  tellFailure(): void {}

  close(): void {}

  /** The ways to this rank on which anything has ever gone or been waited for. */
  channels(): Source[] {
    return [...this.#channels.values()];
  }

  /** What is on its way to this rank. */
  flights(): unknown[] {
    return [...this.#channels.values()]
      .filter(({ flights }) => flights.length > 0)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, flights }) => [
        name,
        ...flights.map(({ message: { operation, sequence, step }, sent }) => [
          operation,
          sequence,
          step,
          ...sent,
        ]),
      ]);
  }

  #channel(sender: number, group: string): Channel {
    const name = `${sender} to ${this.rank}${group === "" ? "" : ` in ${group}`}`;
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = new Channel(name);
      this.#channels.set(name, channel);
    }
    return channel;
  }
}
