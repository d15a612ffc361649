// Finding out which ranks share memory, and opening it. Whatever goes wrong with it is no reason not to train: then the
// ranks of that host are told so, and count as a host each. Nothing is left behind by a crash: the files have no names,
// peers open them through /proc. Another kind of memory is made here.
import { closeSync } from "node:fs";
import type { Collective } from "../transport/collective.js";
import { groupByHost, type RanksByHost } from "./hosts.js";
import { FileMemory } from "./memory.js";
import { createFile, type FileLocation, openFile } from "./nameless-file.js";
import { BLOCK_BYTES, lonePages, type Pages, SharedPages } from "./pages.js";

export interface OpenedMemory {
  /** Ranks that share memory, by host, the same on all ranks; who shares none is a host alone. */
  readonly hosts: RanksByHost;
  /** Of this rank's host. */
  readonly pages: Pages;
}

export interface MemoryOptions {
  /** The host of each rank, by number, the same on all ranks. */
  readonly hostOf: readonly number[];
  /** The run's secret, which names the memory; null where this rank may share none. */
  readonly token: string | null;
  /** One value of every rank, by rank. */
  readonly gather: <T>(value: T) => Promise<T[]>;
}

/**
 * Opens the memory that a rank shares with the others of its host. Collective over all ranks; resolves when all have
 * come, and are connected.
 */
export async function openMemory(collective: Collective, options: MemoryOptions): Promise<OpenedMemory> {
  const { hostOf, token, gather } = options;
  const { rank } = collective;
  const host = hostOf.flatMap((number, other) => (number === hostOf[rank] ? [other] : []));
  // By block of the memory: the host's ranks.
  const files: number[] = [];
  try {
    const canShare = token !== null && host.length > 1;
    const own = canShare ? attempt(() => createFile(token, rank, BLOCK_BYTES)) : null;
    if (own !== null) files[host.indexOf(rank)] = own.descriptor;
    const locations = await gather<FileLocation | null>(own);
    const opened = canShare && own !== null && attempt(() => openOthers(files, host, own, token, locations));
    // All have come, so all can be connected to; afterwards no rank need let anybody in.
    await collective.reach();
    const all = await gather(opened === true);
    // A host whose ranks have all opened their memory keeps its number; any other rank gets one of its own.
    const isShared = (number: number) => hostOf.every((other, peer) => other !== number || all[peer]);
    const hosts = groupByHost(hostOf.map((number, other) => (isShared(number) ? number : -1 - other)));
    if (isShared(hostOf[rank])) {
      const sharesEventLoop = host.some((other) => other !== rank && locations[other]?.pid === process.pid);
      const memory = new FileMemory(files, host.indexOf(rank));
      return { hosts, pages: new SharedPages(memory, host, { sharesEventLoop }) };
    }
    closeAll(files);
    return { hosts, pages: lonePages };
  } catch (error) {
    closeAll(files);
    throw error;
  }
}

/** Opens the files of the other ranks of a host into `files`. @throws when one cannot be. */
function openOthers(
  files: number[],
  host: readonly number[],
  own: FileLocation,
  token: string,
  locations: readonly (FileLocation | null)[],
): true {
  for (const [block, other] of host.entries()) {
    if (files[block] !== undefined) continue;
    const location = locations[other];
    if (location?.host !== own.host) throw new Error(`rank ${other} is on another machine`);
    files[block] = openFile(token, other, location);
  }
  return true;
}

/** Closes what is open; there may be gaps. */
function closeAll(files: readonly number[]): void {
  files.forEach((file) => {
    closeSync(file);
  });
}

function attempt<T>(body: () => T): T | null {
  try {
    return body();
  } catch {
    return null;
  }
}
