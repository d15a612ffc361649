// Each sample once: ranks share out what they train on and what they validate on, or the run is refused.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { UsageError } from "../../../src/core/errors.js";
import type { LoaderSummary } from "../../../src/core/summary.js";
import { loadEngine } from "../../../src/engine/load.js";
import { DataLoader, DistributedSampler, type Loader } from "../../../src/index.js";
import { requireShared } from "../../../src/worker/stage/sharing.js";
import { runRanks } from "../../support/ranks.js";
import { Points, ToyRecipe } from "../../support/toy-recipe.js";

before(() => loadEngine("cpu"));

/** A recipe whose train loader is `train` of its rank. */
function training(train: (rank: number, worldSize: number) => Loader) {
  return class extends ToyRecipe {
    override getLoaders() {
      return { train: train(this.config.rank, this.config.worldSize) };
    }
  };
}
const points = new Points(24);
const dealt = (options: Partial<ConstructorParameters<typeof DistributedSampler>[1]>) => (rank: number) =>
  new DataLoader(points, {
    batchSize: 4,
    sampler: new DistributedSampler(points, { numReplicas: 2, rank, ...options }),
  });

for (const [name, loader, message] of [
  [
    "no sampler",
    () => new DataLoader(points, { batchSize: 4 }),
    /"train" of stage "one" has no sampler, so that all 2/,
  ],
  ["the same rank everywhere", dealt({ rank: 0 }), /has rank 0, 0 on ranks 0 to 1/],
  ["a sampler for one", dealt({ numReplicas: 1, rank: 0 }), /has numReplicas 1, but there are 2 ranks/],
  ["another seed a rank", (rank: number) => dealt({ seed: rank })(rank), /has seed 0 on rank 0, 1 on rank 1/],
  [
    "a sampler of one's own that deals the same",
    () => {
      const indices = Int32Array.from({ length: 12 }, (_, i) => i);
      return new DataLoader(points, { batchSize: 4, sampler: { length: 12, indices: () => indices } });
    },
    /gives ranks 0 and 1 the same samples/,
  ],
] as const) {
  test(`${name} is refused with two ranks, before anything trains`, async () => {
    await assert.rejects(
      runRanks(training(loader), 2),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test("one rank may do without a sampler, and ranks whose samplers deal different samples may train", async () => {
  await runRanks(
    training(() => new DataLoader(points, { batchSize: 4 })),
    1,
  );
  await runRanks(
    training((rank) => {
      const indices = Int32Array.from({ length: 12 }, (_, i) => 2 * i + rank);
      return new DataLoader(points, { batchSize: 4, sampler: { length: 12, indices: () => indices } });
    }),
    2,
  );
});

test("other seeds are no fault where nothing is shuffled", () => {
  const deal = { kind: "dealt", numReplicas: 2, shuffle: false, totalSize: 8 } as const;
  requireShared("x", [
    { ...deal, rank: 0, seed: 1 },
    { ...deal, rank: 1, seed: 2 },
  ]);
});

test("a valid loader without a sampler is shared out: each sample once, the metrics of one rank", async () => {
  class Recipe extends ToyRecipe {
    override getLoaders(stage: string) {
      const { train } = super.getLoaders(stage);
      return { train, valid: new DataLoader(new Points(11), { batchSize: 4 }) };
    }
    override getOptimizer() {
      return super.getOptimizer("one");
    }
  }
  for (const worldSize of [1, 2, 3]) {
    const [{ stages }] = await runRanks(Recipe, worldSize, { epochs: 1 });
    assert.equal((stages[0].epochs[0].valid as LoaderSummary).samples, 11);
  }
});
