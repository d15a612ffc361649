// A process group over a link: one operation at a time, in the order they were asked for, numbered alike on all of its
// ranks. Promises: the first failure ends all groups over the link and is what every later operation rejects with. World
// size 1 is the same code: all loops over the other ranks are empty.
import { messageOf, RunError, UsageError } from "../core/errors.js";
import type { ProcessGroup, ReduceOp, Wire } from "../core/process-group.js";
import type { Log } from "../core/process-log.js";
import type { AllReduce } from "./algorithms/all-reduce.js";
import { broadcast, circulate, gatherValues } from "./algorithms/gather.js";
import { RingAllReduce } from "./algorithms/ring.js";
import { SharedAllReduce } from "./algorithms/shared.js";
import { Lifetime } from "./lifetime.js";
import type { RanksByHost } from "./shared-memory/hosts.js";
import { openMemory } from "./shared-memory/open.js";
import { checkSubset, membersOf, shortList } from "./subset.js";
import { Collective, type Members } from "./transport/collective.js";
import type { Link } from "./transport/link.js";

export interface GroupOptions {
  /** Seconds this rank waits for another one in any operation, connecting included. */
  readonly timeoutSeconds: number;
  /**
   * The same for what comes after connecting, until the first `allReduce` has completed: a first step may compile
   * kernels. 5 times `timeoutSeconds` where not given.
   */
  readonly firstTimeoutSeconds?: number | undefined;
  /** The run's secret, where arrays may go through shared memory; without it all goes through the link. */
  readonly memoryToken?: string | null | undefined;
  /** The host of each rank of the link, by number; those on one host may share memory. All on one where not given. */
  readonly hosts?: readonly number[] | undefined;
  readonly log?: Log | undefined;
  /** Ends the group, and rejects what is under way, when aborted. */
  readonly signal?: AbortSignal | undefined;
}

// By then a rank that is still there has long said its last word.
const LEAVE_SECONDS = 1;
/** A week; timers count milliseconds in 32 bits. */
export const MAX_TIMEOUT_SECONDS = 604800;
const FIRST_TIMEOUT_FACTOR = 5;
const NOTHING = new Uint8Array(0);

/**
 * A rank's operations over a link that the group of all ranks owns; nobody may use them before
 * {@link DdpProcessGroup.connect}.
 */
export class DdpProcessGroup implements ProcessGroup {
  readonly rank: number;
  readonly worldSize: number;
  readonly #members: Members;
  readonly #lifetime: Lifetime;
  readonly #options: GroupOptions;
  /** What an operation gets unless it says otherwise. */
  #patienceSeconds: number;
  #allReduce: AllReduce;
  /** Closes what this group alone holds. */
  #release: () => void = () => {};
  /** Settles when the operations asked for so far have; never rejects. */
  #queue: Promise<unknown> = Promise.resolve();
  #sequence = 0;
  #isClosed = false;

  private constructor(
    members: Members,
    lifetime: Lifetime,
    options: GroupOptions,
    patienceSeconds: number,
    allReduce: AllReduce,
  ) {
    this.rank = members.rank;
    this.worldSize = members.ranks.length;
    this.#members = members;
    this.#lifetime = lifetime;
    this.#options = options;
    this.#patienceSeconds = patienceSeconds;
    this.#allReduce = allReduce;
  }

  /** The group of all ranks of a link, which is the group's to close from now on. */
  static ofAll(
    link: Link,
    options: GroupOptions,
    allReduce: AllReduce = new RingAllReduce(),
  ): DdpProcessGroup {
    const ranks = Array.from({ length: link.worldSize }, (_, rank) => rank);
    const { timeoutSeconds, firstTimeoutSeconds, signal } = options;
    const patience =
      firstTimeoutSeconds ?? Math.min(FIRST_TIMEOUT_FACTOR * timeoutSeconds, MAX_TIMEOUT_SECONDS);
    const members = { link, group: "", ranks, rank: link.rank };
    return new DdpProcessGroup(members, new Lifetime(link, signal), options, patience, allReduce);
  }

  /** Resolves once all ranks have come, and chooses the way that arrays go. */
  async connect(): Promise<void> {
    const { hosts, memoryToken = null, timeoutSeconds, log } = this.#options;
    const { ranks, group } = this.#members;
    const memory = await this.#run(
      `connect of ${this.worldSize} ranks`,
      (collective) =>
        openMemory(collective, {
          hostOf: ranks.map((rank) => hosts?.[rank] ?? 0),
          token: memoryToken === null ? null : `${memoryToken} ${group}`,
          gather: (value) => gatherValues(collective, value),
        }),
      timeoutSeconds,
    );
    this.#release = this.#lifetime.onEnd(() => memory.pages.close());
    if (memory.hosts.length < this.worldSize) {
      this.#allReduce = new SharedAllReduce(memory.pages, memory.hosts);
    }
    log?.debug(`all-reduce over ${wayOver(memory.hosts, this.worldSize)}`);
  }

  async allReduce(data: Float32Array, op: ReduceOp, wire: Wire = "fp32"): Promise<void> {
    const operation = `allReduce ${op} of ${data.length} values${wire === "fp32" ? "" : ` as ${wire}`}`;
    await this.#run(operation, (collective) => this.#allReduce.reduce(collective, data, op, wire));
    this.#patienceSeconds = this.#options.timeoutSeconds;
  }

  async broadcast(bytes: Uint8Array, root = 0): Promise<Uint8Array> {
    if (!Number.isInteger(root) || root < 0 || root >= this.worldSize) {
      throw new UsageError(`root of broadcast must be a rank from 0 to ${this.worldSize - 1}, not ${root}`);
    }
    // Copied before and after: what is queued for the next rank must not change when the caller writes to its bytes.
    const own = this.rank === root ? new Uint8Array(bytes) : NOTHING;
    const payload = await this.#run(`broadcast from rank ${root}`, (collective) =>
      broadcast(collective, own, root),
    );
    return new Uint8Array(payload);
  }

  async allGather(bytes: Uint8Array): Promise<Uint8Array[]> {
    const own = new Uint8Array(bytes);
    const payloads = await this.#run("allGather", (collective) => circulate(collective, own));
    return payloads.map((payload) => new Uint8Array(payload));
  }

  async barrier(): Promise<void> {
    await this.#run("barrier", (collective) => circulate(collective, NOTHING));
  }

  async subgroup(ranks: readonly number[]): Promise<ProcessGroup | null> {
    checkSubset(ranks, this.worldSize);
    const members = await this.#run("subgroup", async (collective) => {
      const lists = await gatherValues(collective, ranks);
      return membersOf(this.#members, ranks, lists, collective.sequence);
    });
    if (members === null) return null;
    const group = new DdpProcessGroup(
      members,
      this.#lifetime,
      this.#options,
      this.#patienceSeconds,
      new RingAllReduce(),
    );
    await group.connect();
    return group;
  }

  /**
   * Two barriers, since process.exit makes zeromq drop what is queued. Once all ranks have come to the first, all that
   * mattered has been received; once all have come to the second, the first itself has. What may get lost is a last
   * message of the second, which costs the next rank a second and nothing else. A rank that is busy with something
   * else, or gone, is no error here; it gets one if it goes on. The group of all ranks ends those of some too.
   */
  async close(): Promise<void> {
    const runRank = this.#members.ranks[this.rank];
    const isOfAll = this.#members.group === "";
    try {
      const { timeoutSeconds } = this.#options;
      await this.#run("close", (collective) => circulate(collective, NOTHING), timeoutSeconds);
      if (isOfAll) await this.#run("leave", (collective) => circulate(collective, NOTHING), LEAVE_SECONDS);
    } catch (error) {
      this.#options.log?.debug(`rank ${runRank} closed its process group alone: ${messageOf(error)}`);
    }
    this.#isClosed = true;
    this.#release();
    if (isOfAll) this.#lifetime.end(this.#closedError);
  }

  get #closedError(): RunError {
    return new RunError(`the process group of rank ${this.#members.ranks[this.rank]} is closed`);
  }

  #run<T>(what: string, body: (collective: Collective) => Promise<T>, seconds?: number): Promise<T> {
    const operation = `${what}${this.#among}`;
    const result = this.#queue.then(async () => {
      if (this.#lifetime.cause !== null) throw this.#lifetime.cause;
      if (this.#isClosed) throw this.#closedError;
      const timeoutMs = (seconds ?? this.#patienceSeconds) * 1000;
      try {
        return await body(new Collective(this.#members, this.#sequence++, operation, timeoutMs));
      } catch (error) {
        throw this.#lifetime.fail(error);
      }
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Errors say in which group an operation was, unless it is that of all ranks. */
  get #among(): string {
    const { group, ranks } = this.#members;
    return group === "" ? "" : ` among ranks ${shortList(ranks)}`;
  }
}

function wayOver(hosts: RanksByHost, worldSize: number): string {
  if (hosts.length === worldSize) return "sockets";
  return hosts.length === 1 ? "shared memory" : `shared memory, and sockets between ${hosts.length} hosts`;
}
