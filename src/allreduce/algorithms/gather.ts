// The collectives that only move bytes. In `circulate` every rank sends its own payload, then hands on what it
// receives, so that after W - 1 steps each has all W. In `broadcast` the root's payload goes once along the ring.

import type { Exchange } from "../transport/collective.js";
import { previousRank } from "./chunks.js";

/**
 * Every rank's payload, indexed by rank; lengths may differ. The result holds `own` itself and the messages as they
 * came: all of them may still be on their way to the next rank when this resolves, so none may be written to.
 */
export async function circulate(exchange: Exchange, own: Uint8Array): Promise<Uint8Array[]> {
  const { rank, worldSize } = exchange;
  const payloads = new Array<Uint8Array>(worldSize);
  payloads[rank] = own;
  let owner = rank;
  for (let step = 0; step < worldSize - 1; step++) {
    await exchange.send(payloads[owner]);
    owner = previousRank(owner, worldSize);
    payloads[owner] = await exchange.receive();
  }
  return payloads;
}

/** The root's payload on every rank; as with {@link circulate}, nobody may write to it. */
export async function broadcast(exchange: Exchange, own: Uint8Array, root: number): Promise<Uint8Array> {
  const { rank, worldSize } = exchange;
  const payload = rank === root ? own : await exchange.receive();
  const isLast = rank === previousRank(root, worldSize);
  if (!isLast) await exchange.send(payload);
  return payload;
}
