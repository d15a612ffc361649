// A rank's way to one other rank: a PUSH socket, connected to that rank's endpoint. Promises: messages arrive in the
// order in which they were given, also when several are given at once.
import { Push } from "zeromq";

// zeromq prints a warning at exit when it lingers for 500 ms or more.
const LINGER_MS = 400;
// Ranks start within milliseconds of each other; zeromq's own 100 ms would be most of the time that connecting takes.
const RECONNECT_MS = 10;

export class Peer {
  /** Resolves when the other rank has let this one in, or the socket is closed. */
  readonly reached: Promise<void>;
  readonly #push = new Push({ sendHighWaterMark: 0, linger: LINGER_MS, reconnectInterval: RECONNECT_MS });
  /** Messages that are not queued yet, and the last of them; zeromq takes one at a time. */
  #pending = 0;
  #last: Promise<void> = Promise.resolve();
  readonly #settle = () => {
    this.#pending--;
  };

  constructor(endpoint: string) {
    this.reached = new Promise<void>((resolve) => {
      this.#push.events.on("handshake", () => resolve());
      this.#push.events.on("end", () => resolve());
    });
    this.#push.connect(endpoint);
  }

  /** Resolves when zeromq has queued the frames. @throws when the socket is closed. */
  send(frames: [Uint8Array, Uint8Array]): Promise<void> {
    const sent =
      this.#pending === 0 ? this.#push.send(frames) : this.#last.then(() => this.#push.send(frames));
    this.#pending++;
    this.#last = sent.then(this.#settle, this.#settle);
    return sent;
  }

  close(): void {
    this.#push.close();
  }
}
