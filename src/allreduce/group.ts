// The process group over the ring: one operation at a time, in the order they were asked for, numbered alike on all
// ranks. Promises: the first failure ends the group, goes round the ring, and is what every later operation rejects
// with. World size 1 is the same code: all loops over the other ranks are empty.
import { messageOf, RunError, UsageError } from "../core/errors.js";
import type { ProcessGroup, ReduceOp, Wire } from "../core/process-group.js";
import type { Log } from "../core/process-log.js";
import { broadcast, circulate } from "./algorithms/gather.js";
import { RingAllReduce } from "./algorithms/ring.js";
import { BoardAllReduce } from "./algorithms/shared.js";
import { type FileBoard, openBoard } from "./shared-memory/pages.js";
import { Exchange, sendFailure } from "./transport/collective.js";
import type { Link } from "./transport/link.js";

export interface GroupOptions {
  /** Seconds this rank waits for the previous one in any operation, connecting included. */
  readonly timeoutSeconds: number;
  /**
   * The same for what comes after connecting, until the first `allReduce` has completed: a first step may compile
   * kernels. 5 times `timeoutSeconds` where not given.
   */
  readonly firstTimeoutSeconds?: number | undefined;
  /** The run's secret, where arrays may go through shared memory; without it all goes through the link. */
  readonly memoryToken?: string | null | undefined;
  readonly log?: Log | undefined;
  /** Ends the group, and rejects what is under way, when aborted. */
  readonly signal?: AbortSignal | undefined;
}

// By then a rank that is still there has long said its last word.
const LEAVE_SECONDS = 1;
/** A week; zeromq counts milliseconds in 32 bits. */
export const MAX_TIMEOUT_SECONDS = 604800;
const FIRST_TIMEOUT_FACTOR = 5;
const NOTHING = new Uint8Array(0);

/** A rank's operations over a link that it owns; nobody may use them before {@link RingProcessGroup.connect}. */
export class RingProcessGroup implements ProcessGroup {
  readonly rank: number;
  readonly worldSize: number;
  readonly #link: Link;
  readonly #timeoutSeconds: number;
  /** What an operation gets unless it says otherwise. */
  #patienceSeconds: number;
  readonly #log: Log | undefined;
  readonly #memoryToken: string | null;
  #allReduce: RingAllReduce | BoardAllReduce;
  #board: FileBoard | null = null;
  readonly #stopListening: () => void;
  /** Settles when the operations asked for so far have; never rejects. */
  #queue: Promise<unknown> = Promise.resolve();
  #sequence = 0;
  /** Why the group has ended: its first failure, or that it was closed. */
  #cause: Error | null = null;

  constructor(link: Link, options: GroupOptions, ring = new RingAllReduce()) {
    const { timeoutSeconds, firstTimeoutSeconds, log, signal } = options;
    this.#allReduce = ring;
    this.#memoryToken = options.memoryToken ?? null;
    this.rank = link.rank;
    this.worldSize = link.worldSize;
    this.#link = link;
    this.#timeoutSeconds = timeoutSeconds;
    this.#patienceSeconds =
      firstTimeoutSeconds ?? Math.min(FIRST_TIMEOUT_FACTOR * timeoutSeconds, MAX_TIMEOUT_SECONDS);
    this.#log = log;
    const onAbort = () => this.#fail(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#stopListening = () => signal?.removeEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
  }

  /** Resolves once all ranks have come; from then on nobody else can. */
  async connect(): Promise<void> {
    const operation = `connect of ${this.worldSize} ranks`;
    this.#board = await this.#run(
      operation,
      (exchange) => openBoard(exchange, this.#memoryToken),
      this.#timeoutSeconds,
    );
    if (this.#board !== null) this.#allReduce = new BoardAllReduce(this.#board);
    this.#log?.debug(`all-reduce over ${this.#board === null ? "sockets" : "shared memory"}`);
    await this.#link.shut();
  }

  async allReduce(data: Float32Array, op: ReduceOp, wire: Wire = "fp32"): Promise<void> {
    const operation = `allReduce ${op} of ${data.length} values${wire === "fp32" ? "" : ` as ${wire}`}`;
    await this.#run(operation, (exchange) => this.#allReduce.reduce(exchange, data, op, wire));
    this.#patienceSeconds = this.#timeoutSeconds;
  }

  async broadcast(bytes: Uint8Array, root = 0): Promise<Uint8Array> {
    if (!isIndex(root, this.worldSize)) {
      throw new UsageError(`root of broadcast must be a rank from 0 to ${this.worldSize - 1}, not ${root}`);
    }
    // Copied before and after: what is queued for the next rank must not change when the caller writes to its bytes.
    const own = this.rank === root ? new Uint8Array(bytes) : NOTHING;
    const payload = await this.#run(`broadcast from rank ${root}`, (exchange) =>
      broadcast(exchange, own, root),
    );
    return new Uint8Array(payload);
  }

  async allGather(bytes: Uint8Array): Promise<Uint8Array[]> {
    const own = new Uint8Array(bytes);
    const payloads = await this.#run("allGather", (exchange) => circulate(exchange, own));
    return payloads.map((payload) => new Uint8Array(payload));
  }

  async barrier(): Promise<void> {
    await this.#run("barrier", (exchange) => circulate(exchange, NOTHING));
  }

  /**
   * Two barriers, since process.exit makes zeromq drop what is queued. Once all ranks have come to the first, all that
   * mattered has been received; once all have come to the second, the first itself has. What may get lost is a last
   * message of the second, which costs the next rank a second and nothing else. A rank that is busy with something
   * else, or gone, is no error here; it gets one if it goes on.
   */
  async close(): Promise<void> {
    try {
      await this.#run("close", (exchange) => circulate(exchange, NOTHING), this.#timeoutSeconds);
      await this.#run("leave", (exchange) => circulate(exchange, NOTHING), LEAVE_SECONDS);
    } catch (error) {
      this.#log?.debug(`rank ${this.rank} closed its process group alone: ${messageOf(error)}`);
    }
    this.#end(new RunError(`the process group of rank ${this.rank} is closed`));
  }

  #run<T>(operation: string, body: (exchange: Exchange) => Promise<T>, seconds?: number): Promise<T> {
    const result = this.#queue.then(async () => {
      if (this.#cause !== null) throw this.#cause;
      const timeoutMs = (seconds ?? this.#patienceSeconds) * 1000;
      try {
        return await body(new Exchange(this.#link, this.#sequence++, operation, timeoutMs));
      } catch (error) {
        throw this.#fail(error);
      }
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Ends the group, unless it has ended; returns the first cause. */
  #end(cause: Error): Error {
    if (this.#cause === null) {
      this.#cause = cause;
      this.#stopListening();
      this.#link.close();
      this.#board?.close();
    }
    return this.#cause;
  }

  /** Ends the group, and tells the next rank why. */
  #fail(thrown: unknown): Error {
    const cause = thrown instanceof Error ? thrown : new RunError(messageOf(thrown));
    if (this.#cause === null) sendFailure(this.#link, cause.message).catch(() => {});
    return this.#end(cause);
  }
}

function isIndex(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}
