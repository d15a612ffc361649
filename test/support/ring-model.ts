// A model checker for the ring: runs the real process groups of all ranks over modelled links, through every order in
// which their messages can arrive, and says what went wrong in which order.
//
// Ranks are deterministic between two messages, so an execution is the list of ranks in the order in which they were
// given their next message, and the world can be brought back to any point by playing such a list again. Zeromq reads
// a sent payload at some moment until it is received: a model link keeps the sender's own memory in flight, and
// calls it an error when it has changed by the time it is delivered, whatever the reader would have seen.
import type { Message, Outgoing } from "../../src/allreduce/transport/envelope.js";
import type { Link } from "../../src/allreduce/transport/link.js";
import type { ProcessGroup } from "../../src/core/process-group.js";

/** What one rank does; rejects when a result is wrong. */
export type Program = (group: ProcessGroup) => Promise<void>;

export interface Model {
  readonly worldSize: number;
  readonly program: Program;
  /** A rank's group over its modelled link, connected. */
  readonly join: (link: Link) => Promise<ProcessGroup>;
}

export interface Exploration {
  readonly states: number;
  /** Orders that were played, most of them only up to a state that had been seen. */
  readonly executions: number;
}

/** Ranks in the order in which they got a message, and what was wrong then. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/**
 * Plays every order of deliveries.
 * @throws Violation at the first deadlock, wrong result, message left over, buffer changed while it was in flight, or
 * state that depends on the order in which it was reached.
 */
export async function explore(model: Model, mostStates = 100_000): Promise<Exploration> {
  const seen = new Map<string, string>();
  const unexplored: number[][] = [[]];
  let executions = 0;
  for (let order = unexplored.pop(); order !== undefined; order = unexplored.pop()) {
    executions++;
    const world = new World(model);
    await world.settle();
    for (const rank of order) await world.deliver(rank);
    for (;;) {
      const place = world.place();
      const content = world.content();
      const before = seen.get(place);
      if (before !== undefined && before !== content) {
        throw world.violation("this state has two contents, depending on the order that led to it");
      }
      if (before !== undefined) break;
      if (seen.size === mostStates) throw world.violation(`more than ${mostStates} states`);
      seen.set(place, content);
      const [first, ...others] = world.deliverable();
      if (first === undefined) {
        world.checkEnd();
        break;
      }
      for (const rank of others) unexplored.push([...world.order, rank]);
      await world.deliver(first);
    }
  }
  return { states: seen.size, executions };
}

interface Flight {
  readonly message: Message;
  /** The payload as it was when it was sent. */
  readonly sent: Uint8Array;
}

/** All ranks, and the messages between them, at one moment. */
class World {
  readonly order: number[] = [];
  readonly #worldSize: number;
  readonly #links: readonly ModelLink[];
  readonly #running: Set<number>;
  #error: unknown = null;

  constructor({ worldSize, program, join }: Model) {
    this.#worldSize = worldSize;
    // Link `rank` holds what is on its way to that rank.
    const links = Array.from({ length: worldSize }, (_, rank) => new ModelLink(rank, worldSize));
    links.forEach((link, rank) => {
      link.next = links[(rank + 1) % worldSize];
    });
    this.#links = links;
    this.#running = new Set(links.keys());
    for (const link of links) {
      join(link)
        .then(program)
        .catch((error: unknown) => {
          this.#error ??= error;
        })
        .finally(() => this.#running.delete(link.rank));
    }
  }

  /** Resolves when every rank waits for a message or is done. The modelled ranks use no timers, only promises. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#error instanceof Error) throw this.violation(this.#error.message);
    if (this.#error !== null) throw this.violation(String(this.#error));
  }

  deliverable(): number[] {
    return this.#links.filter((link) => link.isDeliverable).map(({ rank }) => rank);
  }

  async deliver(rank: number): Promise<void> {
    this.order.push(rank);
    const { message, sent } = this.#links[rank].take();
    if (!Buffer.from(sent).equals(message.payload)) {
      const { sender, operation, sequence, step } = message;
      throw this.violation(
        `rank ${sender} changed a buffer in flight: message ${step} of ${operation} (operation ${sequence})`,
      );
    }
    // Processes share no memory: what arrives is a copy.
    this.#links[rank].resolve({ ...message, payload: sent });
    await this.settle();
  }

  /** Nothing can be delivered any more. */
  checkEnd(): void {
    if (this.#running.size > 0) throw this.violation(`deadlock of ranks ${[...this.#running]}`);
    const left = this.#links.find((link) => link.flights.length > 0);
    if (left) throw this.violation(`a message to rank ${left.rank} was never received`);
  }

  /** Ranks being deterministic, how much each has received says where everything is. */
  place(): string {
    return this.#links.map(({ received }) => received).join();
  }

  /** Everything that can be seen from outside at this place: {@link explore} checks that it is always the same. */
  content(): string {
    const flights = this.#links.map((link) =>
      link.flights.map(({ message: { operation, sequence, step }, sent }) => [
        operation,
        sequence,
        step,
        ...sent,
      ]),
    );
    return JSON.stringify([[...this.#running].sort(), this.deliverable(), flights]);
  }

  violation(what: string): Violation {
    return new Violation(`${this.#worldSize} ranks, after deliveries to [${this.order}]: ${what}`);
  }
}

class ModelLink implements Link {
  readonly rank: number;
  readonly worldSize: number;
  readonly flights: Flight[] = [];
  next: ModelLink = this;
  received = 0;
  #waiting: ((message: Message | null) => void) | null = null;

  constructor(rank: number, worldSize: number) {
    this.rank = rank;
    this.worldSize = worldSize;
  }

  async send(outgoing: Omit<Outgoing, "sender">): Promise<void> {
    const message = { sender: this.rank, rest: 0, ...outgoing };
    this.next.flights.push({ message, sent: new Uint8Array(message.payload) });
  }

  receive(): Promise<Message | null> {
    // As zeromq does, which allows one at a time.
    if (this.#waiting !== null) throw new Error(`rank ${this.rank} receives twice at once`);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  // Only a board, which these ranks have not, wakes anybody.
  async wake(): Promise<void> {}

  doze(): Promise<Message | null> {
    return this.receive();
  }

  hold(): void {}

  async reach(): Promise<void> {}

  async shut(): Promise<void> {}

  close(): void {}

  get isDeliverable(): boolean {
    return this.#waiting !== null && this.flights.length > 0;
  }

  take(): Flight {
    const flight = this.flights.shift();
    if (flight === undefined) throw new Error(`nothing to deliver to rank ${this.rank}`);
    return flight;
  }

  resolve(message: Message): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    this.received++;
    waiting?.(message);
  }
}
