// The ring's index arithmetic, without a socket: every rank, world sizes 1 to 8, awkward lengths.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chunkRange,
  chunkReceived,
  chunkSent,
  nextRank,
  phaseSteps,
  pieceCount,
  pieceRange,
  previousRank,
} from "../../../src/allreduce/algorithms/chunks.js";

const WORLD_SIZES = [1, 2, 3, 4, 5, 6, 7, 8];
const lengthsFor = (worldSize: number) => [
  ...new Set([0, 1, worldSize - 1, worldSize, worldSize + 1, 2, 3, 5, 7, 13, 97, 101, 1009, 101770]),
];
const ranks = (worldSize: number) => Array.from({ length: worldSize }, (_, rank) => rank);

test("chunks cover the array once, in order, and differ by at most one value", () => {
  for (const worldSize of WORLD_SIZES) {
    for (const length of lengthsFor(worldSize)) {
      const chunks = ranks(worldSize).map((chunk) => chunkRange(length, worldSize, chunk));
      const sizes = chunks.map(({ start, end }) => end - start);
      assert.equal(chunks[0].start, 0);
      assert.equal(chunks[worldSize - 1].end, length);
      for (let i = 1; i < worldSize; i++) assert.equal(chunks[i].start, chunks[i - 1].end);
      assert.ok(
        Math.max(...sizes) - Math.min(...sizes) <= 1,
        `${worldSize} ranks, ${length} values: ${sizes}`,
      );
    }
  }
});

test("chunks of the largest arrays have exact bounds", () => {
  const length = 2 ** 32 - 5;
  const { start, end } = chunkRange(length, 4096, 4095);
  assert.equal(start, Number((BigInt(length) * 4095n) / 4096n));
  assert.equal(end, length);
});

test("pieces cover their range once, in order, and an empty range is one empty piece", () => {
  for (const [start, end, size] of [
    [0, 0, 4],
    [5, 5, 4],
    [3, 4, 4],
    [3, 7, 4],
    [3, 8, 4],
    [10, 110, 7],
  ]) {
    const range = { start, end };
    const pieces = Array.from({ length: pieceCount(range, size) }, (_, piece) =>
      pieceRange(range, size, piece),
    );
    assert.equal(pieces[0].start, start);
    assert.equal(pieces.at(-1)?.end, end);
    for (let i = 1; i < pieces.length; i++) assert.equal(pieces[i].start, pieces[i - 1].end);
    for (const piece of pieces) {
      assert.ok(
        piece.end - piece.start <= size && piece.end >= piece.start,
        `piece ${JSON.stringify(piece)}`,
      );
    }
    assert.equal(pieces.length, Math.max(1, Math.ceil((end - start) / size)));
  }
});

test("neighbours are each other's", () => {
  for (const worldSize of WORLD_SIZES) {
    for (const rank of ranks(worldSize)) {
      assert.equal(previousRank(nextRank(rank, worldSize), worldSize), rank);
      assert.equal(nextRank(previousRank(rank, worldSize), worldSize), rank);
    }
  }
});

test("what a rank sends is what the next one receives, and what it received a step before", () => {
  for (const worldSize of WORLD_SIZES) {
    for (let step = 0; step < 2 * phaseSteps(worldSize); step++) {
      for (const rank of ranks(worldSize)) {
        const sent = chunkSent(rank, step, worldSize);
        assert.ok(sent >= 0 && sent < worldSize, `chunk ${sent} of ${worldSize}`);
        assert.equal(chunkReceived(nextRank(rank, worldSize), step, worldSize), sent);
        assert.equal(chunkSent(rank, step + 1, worldSize), chunkReceived(rank, step, worldSize));
      }
    }
  }
});

test("the table in the essay of ring.ts is what the functions say", () => {
  const rank0 = [0, 1, 2, 3, 4, 5].map((step) => [chunkSent(0, step, 4), chunkReceived(0, step, 4)]);
  assert.deepEqual(rank0, [
    [0, 3],
    [3, 2],
    [2, 1],
    [1, 0],
    [0, 3],
    [3, 2],
  ]);
  assert.deepEqual(
    [0, 1, 2, 3].map((rank) => chunkReceived(rank, 2, 4)),
    [1, 2, 3, 0],
  );
});

test("a ring of plain arrays that follows the table sums every value once on every rank", () => {
  for (const worldSize of WORLD_SIZES) {
    for (const length of lengthsFor(worldSize).filter((value) => value < 2000)) {
      // Powers of two show each rank's contribution as one bit: a value added twice or never cannot hide.
      const arrays = ranks(worldSize).map((rank) => new Array<number>(length).fill(2 ** rank));
      simulate(arrays);
      const sums = new Array<number>(length).fill(2 ** worldSize - 1);
      for (const array of arrays) assert.deepEqual(array, sums);
    }
  }
});

function simulate(arrays: number[][]): void {
  const worldSize = arrays.length;
  const length = arrays[0].length;
  for (let step = 0; step < 2 * phaseSteps(worldSize); step++) {
    const messages = arrays.map((array, rank) => {
      const { start, end } = chunkRange(length, worldSize, chunkSent(rank, step, worldSize));
      return array.slice(start, end);
    });
    arrays.forEach((array, rank) => {
      const message = messages[previousRank(rank, worldSize)];
      const { start } = chunkRange(length, worldSize, chunkReceived(rank, step, worldSize));
      message.forEach((value, i) => {
        array[start + i] = step < phaseSteps(worldSize) ? array[start + i] + value : value;
      });
    });
  }
}
