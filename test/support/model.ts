// A model checker for collectives: runs the real process groups of all ranks over modelled links and modelled shared
// memory, through every order in which messages can arrive and ranks can see that others have published, and says what
// went wrong in which order.
//
// Ranks are deterministic between two such events, so an execution is the list of events, and the world can be brought
// back to any point by playing such a list again.
import type { Pages } from "../../src/allreduce/shared-memory/pages.js";
import type { Link } from "../../src/allreduce/transport/link.js";
import type { ProcessGroup } from "../../src/core/process-group.js";
import { ModelLink } from "./model-link.js";
import { type MemoryModel, modelPages } from "./model-pages.js";
import type { Source } from "./model-source.js";

/** What one rank does; rejects when a result is wrong. */
export type Program = (group: ProcessGroup) => Promise<void>;

export interface Model {
  readonly worldSize: number;
  readonly program: Program;
  /** The shared memory of each host; none where not given. */
  readonly memory?: MemoryModel;
  /** A rank's group over its modelled link and memory. */
  readonly join: (link: Link, pages: Pages | undefined) => Promise<ProcessGroup>;
}

export interface Exploration {
  readonly states: number;
  /** Orders that were played, most of them only up to a state that had been seen. */
  readonly executions: number;
}

/** The events in their order, and what was wrong then. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/**
 * Plays every order of events.
 * @throws Violation at the first deadlock, wrong result, message left over, buffer changed while it was in flight, page
 * written while it may be read, or state that depends on the order in which it was reached.
 */
export async function explore(model: Model, mostStates = 100_000): Promise<Exploration> {
  const seen = new Map<string, string>();
  const unexplored: string[][] = [[]];
  let executions = 0;
  for (let order = unexplored.pop(); order !== undefined; order = unexplored.pop()) {
    executions++;
    const world = new World(model);
    await world.settle();
    for (const event of order) await world.fire(event);
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
      const [first, ...others] = world.ready();
      if (first === undefined) {
        world.checkEnd();
        break;
      }
      for (const event of others) unexplored.push([...world.order, event]);
      await world.fire(first);
    }
  }
  return { states: seen.size, executions };
}

/** All ranks, and what is between them, at one moment. */
class World {
  readonly order: string[] = [];
  readonly #worldSize: number;
  readonly #links: readonly ModelLink[];
  readonly #pages: readonly (Pages & Source)[];
  readonly #running: Set<number>;
  #error: unknown = null;

  constructor({ worldSize, program, memory, join }: Model) {
    this.#worldSize = worldSize;
    this.#links = ModelLink.all(worldSize);
    this.#pages = memory === undefined ? [] : modelPages(worldSize, memory);
    this.#running = new Set(this.#links.keys());
    for (const [rank, link] of this.#links.entries()) {
      join(link, this.#pages[rank])
        .then(program)
        .catch((error: unknown) => {
          this.#error ??= error;
        })
        .finally(() => this.#running.delete(rank));
    }
  }

  /** Resolves when every rank waits for an event or is done. The modelled ranks use no timers, only promises. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#error instanceof Error) throw this.violation(this.#error.message);
    if (this.#error !== null) throw this.violation(String(this.#error));
  }

  ready(): string[] {
    return this.#sources()
      .filter(({ isReady }) => isReady)
      .map(({ name }) => name);
  }

  async fire(event: string): Promise<void> {
    this.order.push(event);
    const source = this.#sources().find(({ name }) => name === event);
    try {
      if (source === undefined) throw new Error(`there is no ${event}`);
      source.fire();
    } catch (error) {
      throw this.violation(error instanceof Error ? error.message : String(error));
    }
    await this.settle();
  }

  /** Nothing can happen any more. */
  checkEnd(): void {
    if (this.#running.size > 0) throw this.violation(`deadlock of ranks ${[...this.#running]}`);
    const left = this.#links.find((link) => link.flights().length > 0);
    if (left) throw this.violation(`a message to rank ${left.rank} was never received`);
  }

  /** Ranks being deterministic, how often each event has happened says where everything is. */
  place(): string {
    return this.#sources()
      .filter(({ count }) => count > 0)
      .map(({ name, count }) => `${name} ${count}`)
      .sort()
      .join();
  }

  /** Everything that can be seen from outside at this place: {@link explore} checks that it is always the same. */
  content(): string {
    const flights = this.#links.map((link) => link.flights());
    return JSON.stringify([[...this.#running].sort(), this.ready().sort(), flights]);
  }

  violation(what: string): Violation {
    return new Violation(`${this.#worldSize} ranks, after [${this.order.join("; ")}]: ${what}`);
  }

  #sources(): Source[] {
    return [...this.#links.flatMap((link) => link.channels()), ...this.#pages];
  }
}
