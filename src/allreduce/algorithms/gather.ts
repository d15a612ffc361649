// The collectives that only move bytes. In `circulate` every rank sends its own payload, then hands on what it
// receives, so that after W - 1 steps each has all W. In `broadcast` the root's payload goes once along the ring.
import type { Collective } from "../transport/collective.js";
import { nextRank, previousRank } from "./chunks.js";

/**
 * Every rank's payload, indexed by rank; lengths may differ. The result holds `own` itself and the messages as they
 * came: all of them may still be on their way to the next rank when this resolves, so none may be written to.
 */
export function circulate(collective: Collective, own: Uint8Array): Promise<Uint8Array[]> {
  const everybody = Array.from({ length: collective.worldSize }, (_, rank) => rank);
  return circulateAmong(collective, everybody, own);
}

/** The same among some ranks, of which this is one; the payloads are in the order of `ranks`. */
export async function circulateAmong(
  collective: Collective,
  ranks: readonly number[],
  own: Uint8Array,
): Promise<Uint8Array[]> {
  const count = ranks.length;
  const place = ranks.indexOf(collective.rank);
  const next = ranks[nextRank(place, count)];
  const previous = ranks[previousRank(place, count)];
  const payloads = new Array<Uint8Array>(count);
  payloads[place] = own;
  let owner = place;
  for (let step = 0; step < count - 1; step++) {
    await collective.send(next, payloads[owner]);
    owner = previousRank(owner, count);
    payloads[owner] = await collective.receive(previous);
  }
  return payloads;
}

/** Every rank's value, indexed by rank; it goes as JSON. */
export async function gatherValues<T>(collective: Collective, value: T): Promise<T[]> {
  const payloads = await circulate(collective, new TextEncoder().encode(JSON.stringify(value)));
  return payloads.map((payload) => JSON.parse(new TextDecoder().decode(payload)) as T);
}

/** The root's payload on every rank; as with {@link circulate}, nobody may write to it. */
export async function broadcast(collective: Collective, own: Uint8Array, root: number): Promise<Uint8Array> {
  const { rank, worldSize } = collective;
  const payload = rank === root ? own : await collective.receive(previousRank(rank, worldSize));
  const isLast = rank === previousRank(root, worldSize);
  if (!isLast) await collective.send(nextRank(rank, worldSize), payload);
  return payload;
}
