// One rank's sockets, and the only file that imports zeromq: a PULL, bound to this rank's endpoint, hears all others;
// a PUSH to each rank speaks to it. A message is two frames, envelope and payload.
// Promises: what does not carry this run's secret, what is meant for another rank, and what has been heard before, is
// dropped, whatever it holds; every receive ends by its deadline.
//
// To ranks behind unix sockets a rank connects at once, since they lose their names; to others when it first has
// something to say to them.
//
// Strangers. On one machine the endpoints are unix sockets in a folder that only this user can enter, so what can knock
// there is an accident: a scanner, a second worker of the same rank, a leftover of another run. On TCP it is anybody.
//   - Until all ranks have come, a rank listens. What is not ZeroMQ, or half of it, or a frame above 1 MB, libzmq itself
//     cuts off; frames that do not begin with this run's mark are dropped unread. All of it is logged, once a kind.
//   - Then a unix socket loses its name (`stopAccepting`), and nobody else gets in: a lost connection would have lost
//     messages, and with them the run. It also keeps libzmq out of trouble: its ipc listener, unlike its tcp one, aborts
//     the process when it runs out of file descriptors. (To unbind would end the connections that there are.)
//   - What was taken before is a replay and is dropped. Only what is *new* and does not fit is an error: it shows that
//     ranks disagree.
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { Pull } from "zeromq";
import { messageOf, RunError } from "../../core/errors.js";
import type { Log } from "../../core/process-log.js";
import { Envelopes } from "./envelope.js";
import { Inbox } from "./inbox.js";
import type { Link, Outgoing, WakeUps } from "./link.js";
import { isLocal, pathOf } from "./local-endpoint.js";
import { MAX_MESSAGE_BYTES, type Message } from "./message.js";
import { Peer } from "./zmq-peer.js";

export interface LinkOptions {
  readonly rank: number;
  readonly worldSize: number;
  /** Where each rank listens, by rank: `ipc:///...` or `tcp://127.0.0.1:port`. */
  readonly endpoints: readonly string[];
  /** Secret of the run. It never travels: messages carry a hash of it. */
  readonly token: string;
  readonly log?: Log | undefined;
}

const NOTHING = new Uint8Array(0);

/** Binds this rank's endpoint; a group of one rank has nobody to talk to. */
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

class ZmqLink implements Link, WakeUps {
  readonly rank: number;
  readonly worldSize: number;
  readonly wakeUps = this;
  readonly #endpoints: readonly string[];
  readonly #envelopes: Envelopes;
  readonly #log: Log | undefined;
  // Without a high water mark a send never waits, so that ranks which all send first cannot block each other. What
  // queues up is bounded by the collectives: a rank is never ahead of its neighbours by more than one array.
  readonly #pull = new Pull({ receiveHighWaterMark: 0, linger: 0, maxMessageSize: MAX_MESSAGE_BYTES });
  /** By rank, those that there is a connection to. */
  readonly #peers = new Map<number, Peer>();
  readonly #inbox: Inbox;
  #isReading = false;
  /** How often each kind of thing was dropped. */
  readonly #dropped = new Map<string, number>();

  constructor({ rank, worldSize, endpoints, token, log }: LinkOptions) {
    this.rank = rank;
    this.worldSize = worldSize;
    this.#endpoints = endpoints;
    this.#envelopes = new Envelopes(token);
    this.#inbox = new Inbox(rank, worldSize);
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
    for (let rank = 0; rank < this.worldSize; rank++) {
      if (rank !== this.rank && isLocal(this.#endpoints[rank])) this.#peer(rank);
    }
  }

  async reach(): Promise<void> {
    await Promise.all(Array.from(this.#peers.values(), ({ reached }) => reached));
  }

  /** Zeromq copies payloads of up to 128 bytes, and reads larger ones when it sends them. */
  send(rank: number, message: Outgoing): Promise<void> {
    const { group, sequence, operation, step, payload, rest } = message;
    return this.#peer(rank).send(
      this.#envelopes.encode({
        kind: "part",
        sender: this.rank,
        receiver: rank,
        group,
        sequence,
        operation,
        step,
        payload,
        rest,
      }),
    );
  }

  receive(rank: number, group: string, timeoutMs: number): Promise<Message | null> {
    return this.#whileReading(this.#inbox.take(rank, group, timeoutMs));
  }

  unreceived(group: string): Message[] {
    return this.#inbox.unreceived(group);
  }

  wake(rank: number): void {
    // A wake-up that does not arrive is made up for by the sleeper's own clock.
    this.#tell("wake", rank, NOTHING).catch(() => {});
  }

  waitForMessageOrWake(timeoutMs: number): Promise<void> {
    return this.#whileReading(this.#inbox.takeWake(timeoutMs));
  }

  tellFailure(cause: string): void {
    const payload = new TextEncoder().encode(cause.slice(0, MAX_MESSAGE_BYTES / 4));
    for (const rank of this.#peers.keys()) this.#tell("failure", rank, payload).catch(() => {});
  }

  async stopAccepting(): Promise<void> {
    if (this.worldSize === 1) return;
    const endpoint = this.#endpoints[this.rank];
    if (isLocal(endpoint)) await rm(pathOf(endpoint), { force: true });
  }

  close(): void {
    if (this.#dropped.size > 0 && !this.#pull.closed) {
      this.#log?.info(`rank ${this.rank} dropped in all`, Object.fromEntries(this.#dropped));
    }
    this.#pull.close();
    for (const peer of this.#peers.values()) peer.close();
    this.#inbox.close();
  }

  async #tell(kind: "wake" | "failure", rank: number, payload: Uint8Array): Promise<void> {
    const nowhere = { group: "", sequence: 0, operation: "", step: 0, rest: 0 };
    const message: Message = { kind, sender: this.rank, receiver: rank, ...nowhere, payload };
    await this.#peer(rank).send(this.#envelopes.encode(message));
  }

  /** The connection to a rank, made when there is none yet. */
  #peer(rank: number): Peer {
    let peer = this.#peers.get(rank);
    if (peer === undefined) {
      if (this.#pull.closed) throw new RunError(`the link of rank ${this.rank} is closed`);
      peer = new Peer(this.#endpoints[rank]);
      this.#peers.set(rank, peer);
    }
    return peer;
  }

  /** Reads what comes for as long as anybody waits for something. */
  #whileReading<T>(waiting: Promise<T>): Promise<T> {
    if (!this.#isReading) void this.#read();
    return waiting;
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#inbox.hasWaiters) this.#take(await this.#pull.receive());
    } catch (error) {
      // Closing ends a receive with an error too, and all waits are over then.
      if (!this.#pull.closed)
        this.#inbox.fail(error instanceof Error ? error : new RunError(messageOf(error)));
    } finally {
      this.#isReading = false;
    }
  }

  #take(frames: readonly Buffer[]): void {
    const message = this.#envelopes.decode(frames);
    if (message === null) this.#drop("a message that is not of this run");
    else if (!this.#inbox.put(message)) this.#drop("a message that it had before, or not meant for it");
  }

  #drop(what: string): void {
    const times = this.#dropped.get(what) ?? 0;
    this.#dropped.set(what, times + 1);
    // One line, not one a message: a stranger must not be able to fill the disk.
    if (times === 0) this.#log?.warn(`rank ${this.rank} dropped ${what}, and will drop others silently`);
  }
}

async function isListenedOn(endpoint: string): Promise<boolean> {
  if (!isLocal(endpoint)) return false;
  const socket = connect(pathOf(endpoint));
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
