// Ranks and machines: every rank is somewhere, once, whatever the machines look like.
import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf, ranksOf, singleNode, topologyOf, worldSizeOf } from "../../../src/core/topology.js";

const SHAPES = [[1], [7], [1, 1], [2, 2], [3, 1, 4], [1, 5, 1], [8, 8, 8, 8], [1, 1, 1, 1, 1], [1024]];

test("the machines' ranks, one after another, are all ranks in order", () => {
  for (const shape of SHAPES) {
    const topology = topologyOf(shape);
    const worldSize = shape.reduce((sum, workers) => sum + workers, 0);
    assert.equal(worldSizeOf(topology), worldSize);
    const ranks = shape.flatMap((_, node) => ranksOf(topology, node));
    assert.deepEqual(
      ranks,
      Array.from({ length: worldSize }, (_, rank) => rank),
    );
  }
});

test("a rank's place is that of its machine's list", () => {
  for (const shape of SHAPES) {
    const topology = topologyOf(shape);
    for (const [node, workers] of shape.entries()) {
      for (const [localRank, rank] of ranksOf(topology, node).entries()) {
        assert.deepEqual(placeOf(topology, rank), {
          rank,
          localRank,
          node,
          worldSize: worldSizeOf(topology),
          localWorldSize: workers,
          nodeCount: shape.length,
        });
      }
    }
  }
});

test("on one machine the local rank is the rank", () => {
  assert.deepEqual(singleNode(3), topologyOf([3]));
  for (const rank of [0, 1, 2]) assert.equal(placeOf(singleNode(3), rank).localRank, rank);
});

test("what is not there is refused", () => {
  for (const shape of [[], [0], [2, 0], [-1], [1.5], [Number.NaN]]) {
    assert.throws(() => topologyOf(shape), RangeError, String(shape));
  }
  for (const rank of [-1, 4, 1.5, Number.NaN])
    assert.throws(() => placeOf(topologyOf([3, 1]), rank), RangeError);
  for (const node of [-1, 2, 0.5]) assert.throws(() => ranksOf(topologyOf([3, 1]), node), RangeError);
});
