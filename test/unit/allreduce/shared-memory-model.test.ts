// The all-reduce over shared memory, through every order in which ranks can run ahead of each other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type BoardModel, exploreBoard } from "../../support/board-model.js";

const FLOAT = 4;

/** All-reduces one after another of `lengths` values in one buffer, refilled at once. */
function model(worldSize: number, lengths: readonly number[], changes: Partial<BoardModel> = {}): BoardModel {
  return {
    worldSize,
    // A piece of two values for each chunk.
    pageBytes: 2 * worldSize * FLOAT,
    wholeBytes: 2 * FLOAT,
    program: async (rank, reduce) => {
      const buffer = new Float32Array(Math.max(...lengths));
      for (const [round, length] of lengths.entries()) {
        const data = buffer.fill(-1).subarray(0, length);
        // One bit a rank, times a number of its own for each place; sums fit into fp16's 11 bits.
        for (let i = 0; i < length; i++) data[i] = 2 ** rank * (22 * round + i + 1);
        await reduce(data);
        const expected = data.map((_, i) => (2 ** worldSize - 1) * (22 * round + i + 1));
        if (!data.every((value, i) => value === expected[i])) throw new Error(`${data} is not ${expected}`);
      }
    },
    ...changes,
  };
}

for (const [worldSize, wire] of [
  [2, "fp32"],
  [3, "fp32"],
  [4, "fp32"],
  [3, "fp16"],
] as const) {
  test(`${worldSize} ranks, ${wire}: short and long arrays in turn, in several pieces, deadlock, reuse and mix up nothing`, async () => {
    // Half the page for half the bytes, so that pieces hold as many values.
    const changes = wire === "fp32" ? {} : { pageBytes: worldSize * FLOAT, wholeBytes: FLOAT };
    const long = 5 * worldSize + 1;
    const lengths = [1, 2, long, 2, 1, 2, long, long - worldSize, 0, 1];
    const states = await exploreBoard(model(worldSize, lengths, { wire, ...changes }));
    assert.ok(states > 2 ** worldSize, `${states} states`);
  });
}

test("a planted bug is found: one page instead of two", async () => {
  for (const worldSize of [2, 3, 4]) {
    const lengths = [2, 2, 11];
    await assert.rejects(
      exploreBoard(model(worldSize, lengths, { pages: 1 })),
      /rank \d writes turn 2 where rank \d may read turn 1/,
    );
  }
});
