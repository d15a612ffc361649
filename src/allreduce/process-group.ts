// Joining a process group over ZeroMQ. Promises: options are checked, and whoever has joined has heard of all ranks.
import { UsageError } from "../core/errors.js";
import type { ProcessGroup } from "../core/process-group.js";
import { type GroupOptions, MAX_TIMEOUT_SECONDS, RingProcessGroup } from "./ring-group.js";
import { type LinkOptions, openLink } from "./transport.js";

export interface ConnectOptions extends LinkOptions, GroupOptions {}

/**
 * Joins the ring as `rank` and resolves once all ranks have.
 * @throws UsageError for options that make no sense, PeerError when a rank does not come in time.
 */
export async function connectProcessGroup(options: ConnectOptions): Promise<ProcessGroup> {
  checkOptions(options);
  const group = new RingProcessGroup(await openLink(options), options);
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

function isIndex(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}
