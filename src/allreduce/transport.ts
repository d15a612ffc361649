// One rank's two sockets, and the only file that imports zeromq: PULL, bound to this rank's endpoint, hears the
// previous rank; PUSH, connected to the next rank's, speaks to it. A message is two frames, envelope and payload.
// Promises: what does not carry this run's secret is dropped, whatever it holds; every receive ends by its deadline.
import { Pull, Push } from "zeromq";
import { messageOf, RunError } from "../core/errors.js";
import type { Log } from "../core/log.js";
import { nextRank } from "./chunks.js";
import { Envelopes, type Message } from "./envelope.js";
import type { Link } from "./link.js";

export interface LinkOptions {
  readonly rank: number;
  readonly worldSize: number;
  /** Where each rank listens, by rank: `ipc:///...` or `tcp://127.0.0.1:port`. */
  readonly endpoints: readonly string[];
  /** Secret of the run. It never travels: messages carry a hash of it. */
  readonly token: string;
  readonly log?: Log | undefined;
}

// zeromq prints a warning at exit when it lingers for 500 ms or more.
const LINGER_MS = 400;
// Ranks start within milliseconds of each other; zeromq's own 100 ms would be most of the time that connecting takes.
const RECONNECT_MS = 10;

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
  // Without a high water mark a send never waits, so that ranks which all send first cannot block each other. What
  // queues up is bounded by the collectives: a rank is never ahead of its neighbours by more than one array.
  readonly #pull = new Pull({ receiveHighWaterMark: 0, linger: 0 });
  readonly #push = new Push({ sendHighWaterMark: 0, linger: LINGER_MS, reconnectInterval: RECONNECT_MS });
  #dropped = 0;

  constructor({ rank, worldSize, endpoints, token, log }: LinkOptions) {
    this.rank = rank;
    this.worldSize = worldSize;
    this.#endpoints = endpoints;
    this.#envelopes = new Envelopes(token);
    this.#log = log;
  }

  async open(): Promise<void> {
    if (this.worldSize === 1) return;
    const endpoint = this.#endpoints[this.rank];
    try {
      await this.#pull.bind(endpoint);
    } catch (error) {
      throw new RunError(`rank ${this.rank} cannot listen on ${endpoint}: ${messageOf(error)}`);
    }
    this.#push.connect(this.#endpoints[nextRank(this.rank, this.worldSize)]);
  }

  /** Zeromq copies payloads of up to 128 bytes, and reads larger ones when it sends them. */
  send(sequence: number, operation: string, step: number, payload: Uint8Array): Promise<void> {
    return this.#push.send(this.#envelopes.encode({ sender: this.rank, sequence, operation, step, payload }));
  }

  async receive(timeoutMs: number): Promise<Message | null> {
    const deadline = performance.now() + timeoutMs;
    // Messages of strangers do not move the deadline.
    for (let left = timeoutMs; left > 0; left = deadline - performance.now()) {
      const frames = await this.#receiveFrames(left);
      if (frames === null) return null;
      const message = this.#envelopes.decode(frames);
      if (message !== null) return message;
      this.#drop(frames);
    }
    return null;
  }

  close(): void {
    this.#pull.close();
    this.#push.close();
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

  #drop(frames: Buffer[]): void {
    // One line, not one a message: a stranger must not be able to fill the disk.
    if (this.#dropped++ > 0) return;
    const bytes = frames.reduce((sum, frame) => sum + frame.byteLength, 0);
    this.#log?.warn(
      `rank ${this.rank} dropped a message that is not of this run, and will drop others silently`,
      {
        frames: frames.length,
        bytes,
      },
    );
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}
