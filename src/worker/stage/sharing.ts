// Whether ranks share out the data of a train loader: ranks that all see the same samples would train no faster than
// one, and say nothing. Each rank tells what its sampler deals; all of them compare.
import { createHash } from "node:crypto";
import { UsageError } from "../../core/errors.js";
import type { Loader, Sampler } from "../../core/loader.js";

/** What a rank tells of a loader's share, as JSON. */
export type Share =
  /** All samples, in the dataset's order. */
  | { readonly kind: "everything" }
  /** What a DistributedSampler was made with. */
  | ({ readonly kind: "dealt" } & Deal)
  /** Of a sampler of another kind: a hash of the samples in its first epoch, and their number. */
  | { readonly kind: "sampled"; readonly samples: number; readonly hash: string }
  /** A loader of another kind, of which nothing is known. */
  | { readonly kind: "unknown" };

interface Deal {
  readonly numReplicas: number;
  readonly rank: number;
  readonly seed: number;
  readonly shuffle: boolean;
  readonly totalSize: number;
}

/** What this rank's loader deals. */
export function shareOf({ sampler, samplesOf }: Loader): Share {
  if (sampler === undefined) return { kind: samplesOf ? "everything" : "unknown" };
  if (isDealer(sampler)) {
    const { numReplicas, rank, seed, shuffle, totalSize } = sampler;
    return { kind: "dealt", numReplicas, rank, seed, shuffle, totalSize };
  }
  sampler.setEpoch?.(0);
  const indices = sampler.indices().slice().sort();
  const bytes = new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength);
  return { kind: "sampled", samples: indices.length, hash: createHash("sha256").update(bytes).digest("hex") };
}

/** Checks that ranks share out a train loader. @throws UsageError naming loader, ranks and values. */
export function requireShared(loader: string, shares: readonly Share[]): void {
  const worldSize = shares.length;
  if (worldSize === 1) return;
  const remedy =
    "give it sampler: new DistributedSampler(dataset, { numReplicas: worldSize, rank, seed }), with these from this.config";
  if (shares.some(({ kind }) => kind === "everything")) {
    throw new UsageError(
      `loader ${loader} has no sampler, so that all ${worldSize} ranks would train on the same samples: ${remedy}`,
    );
  }
  const deals = shares.filter((share) => share.kind === "dealt");
  if (deals.length === worldSize) requireOneDeal(loader, deals, remedy);
  const hashes = shares.map((share) => (share.kind === "sampled" && share.samples > 1 ? share.hash : null));
  hashes.forEach((hash, rank) => {
    const twin = hashes.indexOf(hash);
    if (hash === null || twin === rank) return;
    throw new UsageError(`loader ${loader} gives ranks ${twin} and ${rank} the same samples: ${remedy}`);
  });
}

function requireOneDeal(loader: string, deals: readonly Deal[], remedy: string): void {
  const worldSize = deals.length;
  const different = (name: "numReplicas" | "seed" | "shuffle" | "totalSize") => {
    if (deals.every((deal) => deal[name] === deals[0][name])) return;
    const values = deals.map((deal, rank) => `${deal[name]} on rank ${rank}`).join(", ");
    throw new UsageError(`loader ${loader}: its DistributedSampler has ${name} ${values}: ${remedy}`);
  };
  different("numReplicas");
  different("totalSize");
  different("shuffle");
  if (deals[0].shuffle) different("seed");
  const { numReplicas } = deals[0];
  if (numReplicas !== worldSize) {
    throw new UsageError(
      `loader ${loader}: its DistributedSampler has numReplicas ${numReplicas}, but there are ${worldSize} ranks: ${remedy}`,
    );
  }
  const places = deals.map(({ rank }) => rank);
  if (new Set(places).size === worldSize) return;
  throw new UsageError(
    `loader ${loader}: its DistributedSampler has rank ${places.join(", ")} on ranks 0 to ${worldSize - 1}: ${remedy}`,
  );
}

function isDealer(sampler: Sampler): sampler is Sampler & Deal {
  const { numReplicas, rank, seed, totalSize } = sampler as Partial<Deal>;
  return [numReplicas, rank, seed, totalSize].every((value) => typeof value === "number");
}
