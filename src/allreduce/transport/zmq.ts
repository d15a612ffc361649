// One rank's sockets, and the only file that imports zeromq: PULL, bound to this rank's endpoint, hears the previous
// rank; PUSH, connected to the next rank's, speaks to it. Ranks that share memory also have a PUSH to each other rank,
// to wake it. A message is two frames, envelope and payload.
// Promises: what does not carry this run's secret, and what has been heard before, is dropped, whatever it holds; every
// receive ends by its deadline.
//
// Strangers. On one machine the endpoints are unix sockets in a folder that only this user can enter, so what can knock
// there is an accident: a scanner, a second worker of the same rank, a leftover of another run. On TCP it is anybody.
//   - Until all ranks have come, a rank listens. What is not ZeroMQ, or half of it, or a frame above 1 MB, libzmq itself
//     cuts off; frames that do not begin with this run's mark are dropped unread. All of it is logged, once a kind.
//   - Then a unix socket loses its name (`shut`), and nobody else gets in: a lost connection would have lost messages,
//     and with them the run. It also keeps libzmq out of trouble: its ipc listener, unlike its tcp one, aborts the
//     process when it runs out of file descriptors. (To unbind would end the connections that there are.)
//   - A message that was taken before, from the neighbour, is a replay and is dropped. Only what is *new* and does not
//     fit is an error: it shows that ranks disagree.
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { Pull, Push } from "zeromq";
import { messageOf, RunError } from "../../core/errors.js";
import type { Log } from "../../core/process-log.js";
import { nextRank, previousRank } from "../algorithms/chunks.js";
import { MAX_MESSAGE_BYTES } from "./collective.js";
import { Envelopes, type Message, type Outgoing } from "./envelope.js";
import type { Link } from "./link.js";

export interface LinkOptions {
  readonly rank: number;
  readonly worldSize: number;
  /** Where each rank listens, by rank: `ipc:///...` or `tcp://127.0.0.1:port`. */
  readonly endpoints: readonly string[];
  /** Secret of the run. It never travels: messages carry a hash of it. */
  readonly token: string;
  /** Connects to all ranks, not only to the next. */
  readonly wakesAll?: boolean | undefined;
  readonly log?: Log | undefined;
}

// zeromq prints a warning at exit when it lingers for 500 ms or more.
const LINGER_MS = 400;
// Ranks start within milliseconds of each other; zeromq's own 100 ms would be most of the time that connecting takes.
const RECONNECT_MS = 10;
const IPC = "ipc://";
/** Name of a message that says no more than that there is something to look at. */
const WAKE = "wake";
const NOTHING = new Uint8Array(0);

/** Binds this rank's endpoint and connects to the next one's; a group of one rank has nobody to talk to. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const link = new ZmqLink(options);
  try {
    await link.open();
  } catch (error) {
    link.close();
    throw error;
  }
  return link;
}

class ZmqLink implements Link {
  readonly rank: number;
  readonly worldSize: number;
  readonly #endpoints: readonly string[];
  readonly #envelopes: Envelopes;
  readonly #log: Log | undefined;
  readonly #wakesAll: boolean;
  // Without a high water mark a send never waits, so that ranks which all send first cannot block each other. What
  // queues up is bounded by the collectives: a rank is never ahead of its neighbours by more than one array.
  readonly #pull = new Pull({ receiveHighWaterMark: 0, linger: 0, maxMessageSize: MAX_MESSAGE_BYTES });
  readonly #push = newPush();
  /** To the other ranks, by rank, where they may have to be woken; the next one has the same socket as for messages. */
  readonly #wakers = new Map<number, Push>();
  readonly #reached: Promise<void>[] = [];
  readonly #held: Message[] = [];
  /** Last message taken from the previous rank; null before the first. */
  #last: Pick<Message, "sequence" | "step"> | null = null;
  /** How often each kind of thing was dropped. */
  readonly #dropped = new Map<string, number>();

  constructor({ rank, worldSize, endpoints, token, log, wakesAll = false }: LinkOptions) {
    this.#wakesAll = wakesAll;
    this.rank = rank;
    this.worldSize = worldSize;
    this.#endpoints = endpoints;
    this.#envelopes = new Envelopes(token);
    this.#log = log;
  }

  async open(): Promise<void> {
    if (this.worldSize === 1) return;
    const endpoint = this.#endpoints[this.rank];
    for (const reason of ["protocol", "auth", "other"] as const) {
      this.#pull.events.on(`handshake:error:${reason}`, () => this.#drop("a connection that is not ZeroMQ"));
    }
    try {
      // To bind a path that another process listens on would take the name away from it: libzmq unlinks it first.
      if (await isListenedOn(endpoint))
        throw new RunError("another process does; was this rank started twice?");
      await this.#pull.bind(endpoint);
    } catch (error) {
      throw new RunError(`rank ${this.rank} cannot listen on ${endpoint}: ${messageOf(error)}`);
    }
    const next = nextRank(this.rank, this.worldSize);
    this.#wakers.set(next, this.#push);
    if (this.#wakesAll) {
      for (let rank = 0; rank < this.worldSize; rank++) {
        if (rank !== this.rank && rank !== next) this.#wakers.set(rank, newPush());
      }
    }
    for (const [rank, push] of this.#wakers) {
      const reached = new Promise<void>((resolve) => {
        push.events.on("handshake", () => resolve());
        push.events.on("end", () => resolve());
      });
      this.#reached.push(reached);
      push.connect(this.#endpoints[rank]);
    }
  }

  async reach(): Promise<void> {
    await Promise.all(this.#reached);
  }

  async wake(rank: number): Promise<void> {
    const message = { sender: this.rank, sequence: 0, operation: WAKE, step: 0, payload: NOTHING };
    try {
      await this.#wakers.get(rank)?.send(this.#envelopes.encode(message));
    } catch {
      // A wake-up that does not arrive is made up for by the sleeper's own clock.
    }
  }

  hold(message: Message): void {
    this.#held.push(message);
  }

  /** Zeromq copies payloads of up to 128 bytes, and reads larger ones when it sends them. */
  send(message: Omit<Outgoing, "sender">): Promise<void> {
    return this.#push.send(this.#envelopes.encode({ sender: this.rank, ...message }));
  }

  async receive(timeoutMs: number): Promise<Message | null> {
    return this.#held.shift() ?? (await this.#hear(timeoutMs, false));
  }

  doze(timeoutMs: number): Promise<Message | null> {
    return this.#hear(timeoutMs, true);
  }

  async #hear(timeoutMs: number, endsByWake: boolean): Promise<Message | null> {
    const deadline = performance.now() + timeoutMs;
    // Messages of strangers do not move the deadline.
    for (let left = timeoutMs; left > 0; left = deadline - performance.now()) {
      const frames = await this.#receiveFrames(left);
      if (frames === null) return null;
      const message = this.#envelopes.decode(frames);
      if (message === null) this.#drop("a message that is not of this run");
      else if (message.operation === WAKE) {
        if (endsByWake) return null;
      } else if (this.#isReplay(message)) this.#drop("a message that it had before, or not meant for it");
      else return message;
    }
    return null;
  }

  async shut(): Promise<void> {
    if (this.worldSize === 1) return;
    const path = pathOf(this.#endpoints[this.rank]);
    if (path !== null) await rm(path, { force: true });
  }

  close(): void {
    if (this.#dropped.size > 0 && !this.#pull.closed) {
      this.#log?.info(`rank ${this.rank} dropped in all`, Object.fromEntries(this.#dropped));
    }
    this.#pull.close();
    this.#push.close();
    for (const push of this.#wakers.values()) push.close();
  }

  async #receiveFrames(timeoutMs: number): Promise<Buffer[] | null> {
    try {
      this.#pull.receiveTimeout = Math.ceil(timeoutMs);
      return await this.#pull.receive();
    } catch (error) {
      if (this.#pull.closed || isTimeout(error)) return null;
      throw error;
    }
  }

  /** Notes a message that is none. Before the first from the neighbour, any other rank's is a wrong endpoint. */
  #isReplay({ sender, sequence, step }: Message): boolean {
    if (sender !== previousRank(this.rank, this.worldSize)) return this.#last !== null;
    const last = this.#last;
    if (last !== null && (sequence < last.sequence || (sequence === last.sequence && step <= last.step)))
      return true;
    this.#last = { sequence, step };
    return false;
  }

  #drop(what: string): void {
    const times = this.#dropped.get(what) ?? 0;
    this.#dropped.set(what, times + 1);
    // One line, not one a message: a stranger must not be able to fill the disk.
    if (times === 0) this.#log?.warn(`rank ${this.rank} dropped ${what}, and will drop others silently`);
  }
}

function newPush(): Push {
  return new Push({ sendHighWaterMark: 0, linger: LINGER_MS, reconnectInterval: RECONNECT_MS });
}

async function isListenedOn(endpoint: string): Promise<boolean> {
  const path = pathOf(endpoint);
  if (path === null) return false;
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The unix socket's path; null for another kind of endpoint. */
function pathOf(endpoint: string): string | null {
  return endpoint.startsWith(IPC) ? endpoint.slice(IPC.length) : null;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}
