// Joining a process group over ZeroMQ. Promises: options are checked, and whoever has joined has heard of all ranks.
import { UsageError } from "../core/errors.js";
import type { ProcessGroup } from "../core/process-group.js";
import { type GroupOptions, MAX_TIMEOUT_SECONDS, RingProcessGroup } from "./group.js";
import { type LinkOptions, openLink } from "./transport/zmq.js";

export const TRANSPORTS = ["auto", "zmq"] as const;
/** How arrays travel: `auto` is through shared memory where all ranks are on one machine, else over ZeroMQ. */
export type Transport = (typeof TRANSPORTS)[number];

export interface ConnectOptions extends Omit<LinkOptions, "wakesAll">, Omit<GroupOptions, "memoryToken"> {
  /** Where not given, DDP_TRANSPORT in the environment says it, else it is `auto`. Sums have the same bits. */
  readonly transport?: Transport | undefined;
}

/**
 * Joins the ring as `rank` and resolves once all ranks have.
 * @throws UsageError for options that make no sense, PeerError when a rank does not come in time.
 */
export async function connectProcessGroup(options: ConnectOptions): Promise<ProcessGroup> {
  checkOptions(options);
  const sharesMemory = transportOf(options) === "auto" && options.endpoints.every(isLocal);
  const link = await openLink({ ...options, wakesAll: sharesMemory });
  const group = new RingProcessGroup(link, { ...options, memoryToken: sharesMemory ? options.token : null });
  await group.connect();
  return group;
}

function checkOptions({ rank, worldSize, endpoints, ...options }: ConnectOptions): void {
  if (!isIndex(worldSize - 1, Number.MAX_SAFE_INTEGER)) {
    throw new UsageError(`worldSize must be 1 or more, not ${worldSize}`);
  }
  if (!isIndex(rank, worldSize)) throw new UsageError(`rank must be from 0 to ${worldSize - 1}, not ${rank}`);
  if (worldSize > 1 && endpoints.length !== worldSize) {
    throw new UsageError(`endpoints must name ${worldSize} places, one a rank, not ${endpoints.length}`);
  }
  for (const name of ["timeoutSeconds", "firstTimeoutSeconds"] as const) {
    const seconds = options[name];
    if (seconds === undefined || (seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS)) continue;
    throw new UsageError(`${name} must be above 0 and at most ${MAX_TIMEOUT_SECONDS}, not ${seconds}`);
  }
}

function transportOf({ transport }: ConnectOptions): Transport {
  const name = transport ?? process.env.DDP_TRANSPORT ?? "auto";
  const found = TRANSPORTS.find((known) => known === name);
  if (found === undefined) {
    throw new UsageError(`DDP_TRANSPORT must be ${TRANSPORTS.join(" or ")}, not "${name}"`);
  }
  return found;
}

function isLocal(endpoint: string): boolean {
  return endpoint.startsWith("ipc://");
}

function isIndex(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}
