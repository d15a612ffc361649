// Joining the process group of all ranks over ZeroMQ. Promises: options are checked, and whoever has joined has heard of
// all ranks.
import { UsageError } from "../core/errors.js";
import type { ProcessGroup } from "../core/process-group.js";
import { DdpProcessGroup, type GroupOptions, MAX_TIMEOUT_SECONDS } from "./group.js";
import { isLocal } from "./transport/local-endpoint.js";
import { type LinkOptions, openLink } from "./transport/zmq.js";

export const TRANSPORTS = ["auto", "zmq"] as const;
/** How arrays travel: `auto` is through shared memory between the ranks of a host, else over ZeroMQ. */
export type Transport = (typeof TRANSPORTS)[number];

export interface ConnectOptions extends LinkOptions, Omit<GroupOptions, "memoryToken"> {
  /** Where not given, DDP_TRANSPORT in the environment says it, else it is `auto`. Sums have the same bits. */
  readonly transport?: Transport | undefined;
  /**
   * The host of each rank, by number: ranks of one host may share memory. Where not given, all ranks are on one host if
   * all endpoints are unix sockets, and else each is taken to be on its own. Sums have the same bits.
   */
  readonly hosts?: readonly number[] | undefined;
}

/**
 * Joins the group as `rank` and resolves once all ranks have.
 * @throws UsageError for options that make no sense, PeerError when a rank does not come in time.
 */
export async function connectProcessGroup(options: ConnectOptions): Promise<ProcessGroup> {
  checkOptions(options);
  const memoryToken = transportOf(options) === "auto" ? options.token : null;
  const link = await openLink(options);
  const group = DdpProcessGroup.ofAll(link, { ...options, memoryToken, hosts: hostsOf(options) });
  await group.connect();
  await link.stopAccepting();
  return group;
}

function checkOptions({ rank, worldSize, endpoints, hosts, ...options }: ConnectOptions): void {
  if (!isIndex(worldSize - 1, Number.MAX_SAFE_INTEGER)) {
    throw new UsageError(`worldSize must be 1 or more, not ${worldSize}`);
  }
  if (!isIndex(rank, worldSize)) throw new UsageError(`rank must be from 0 to ${worldSize - 1}, not ${rank}`);
  if (worldSize > 1 && endpoints.length !== worldSize) {
    throw new UsageError(`endpoints must name ${worldSize} places, one a rank, not ${endpoints.length}`);
  }
  if (
    hosts !== undefined &&
    (hosts.length !== worldSize || !hosts.every((host) => isIndex(host, Infinity)))
  ) {
    throw new UsageError(`hosts must be ${worldSize} numbers from 0 on, one a rank, not [${hosts}]`);
  }
  for (const name of ["timeoutSeconds", "firstTimeoutSeconds"] as const) {
    const seconds = options[name];
    if (seconds === undefined || (seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS)) continue;
    throw new UsageError(`${name} must be above 0 and at most ${MAX_TIMEOUT_SECONDS}, not ${seconds}`);
  }
}

function hostsOf({ hosts, endpoints, worldSize }: ConnectOptions): readonly number[] {
  const areAllHere = endpoints.every(isLocal);
  return hosts ?? Array.from({ length: worldSize }, (_, rank) => (areAllHere ? 0 : rank));
}

function transportOf({ transport }: ConnectOptions): Transport {
  const name = transport ?? process.env.DDP_TRANSPORT ?? "auto";
  const found = TRANSPORTS.find((known) => known === name);
  if (found === undefined) {
    throw new UsageError(`DDP_TRANSPORT must be ${TRANSPORTS.join(" or ")}, not "${name}"`);
  }
  return found;
}

function isIndex(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}
