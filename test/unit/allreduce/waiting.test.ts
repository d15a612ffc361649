// Waiting for shared memory: who sleeps is woken by the last to publish, once, and not by its own clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FileMemory } from "../../../src/allreduce/shared-memory/memory.js";
import { createFile, openFile } from "../../../src/allreduce/shared-memory/nameless-file.js";
import { BLOCK_BYTES, SharedPages } from "../../../src/allreduce/shared-memory/pages.js";
import { Collective } from "../../../src/allreduce/transport/collective.js";
import type { Link } from "../../../src/allreduce/transport/link.js";

const WORLD_SIZE = 3;
const LONG_MS = 60_000;

/** A link that carries wake-ups only, and notes them; a wait ends by a wake-up or never. */
function linkOf(rank: number, sleepers: Map<number, () => void>, woken: number[]): Link {
  const refuse = () => Promise.reject(new Error("nothing is sent"));
  return {
    rank,
    worldSize: WORLD_SIZE,
    wakeUps: {
      wake(other) {
        woken.push(other);
        sleepers.get(other)?.();
      },
      waitForMessageOrWake: () => new Promise((resolve) => sleepers.set(rank, resolve)),
    },
    send: refuse,
    receive: refuse,
    unreceived: () => [],
    reach: async () => {},
    stopAccepting: async () => {},
    tellFailure() {},
    close() {},
  };
}

test("the last to publish wakes all who sleep, each once; who need not sleep is not woken", async () => {
  const locations = Array.from({ length: WORLD_SIZE }, (_, rank) => createFile("secret", rank, BLOCK_BYTES));
  const ranks = locations.map((_, rank) => rank);
  const sleepers = new Map<number, () => void>();
  const woken: number[] = [];
  const links = ranks.map((rank) => linkOf(rank, sleepers, woken));
  const memories = ranks.map((rank) => {
    const files = locations.map((location, other) =>
      other === rank ? location.descriptor : openFile("secret", other, location),
    );
    return new FileMemory(files, rank);
  });
  const pages = memories.map(
    (memory) => new SharedPages(memory, ranks, { sharesEventLoop: true, sleepMs: LONG_MS }),
  );
  const publish = (rank: number, sequence: number) => {
    const members = { link: links[rank], group: "", ranks, rank };
    return pages[rank].publishAndWait(new Collective(members, sequence, "test", LONG_MS));
  };
  try {
    for (const [sequence, order] of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ].entries()) {
      woken.length = 0;
      await Promise.all(order.map((rank) => publish(rank, sequence)));
      assert.deepEqual(woken.sort(), order.slice(0, 2).sort());
    }
    // Rank 1 has published the fourth turn, and looks for itself whether the others have.
    woken.length = 0;
    memories[1].writeNumber(0, 4);
    await Promise.all([publish(0, 2), publish(2, 2)]);
    assert.deepEqual(woken, [0]);
  } finally {
    for (const each of pages) each.close();
  }
});
