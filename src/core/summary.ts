// The results of a run: what rank 0 hands to the launcher, and what becomes summary.json.
// Keys are snake_case: this is the file format.

export interface LoaderSummary {
  readonly seconds: number;
  readonly samples: number;
  readonly samples_per_second: number;
  /** Train batches that were left out, on all ranks, since a loss or the gradient was not finite. */
  readonly batches_left_out: number;
  /** Every metric by its name: `loss`, `accuracy01`, `f1/class_03`... */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface EpochSummary {
  readonly epoch: number;
  readonly seconds: number;
  /** `train`, `valid`, ... by loader key. */
  readonly [loaderKey: string]: LoaderSummary | number;
}

export interface StageSummary {
  readonly stage: string;
  readonly epochs: readonly EpochSummary[];
}

export interface BestSummary {
  readonly stage: string;
  readonly epoch: number;
  readonly metric: string;
  readonly score: number;
  readonly path: string;
}

/** What the workers have found so far. */
export interface RunProgress {
  readonly stages: readonly StageSummary[];
  readonly best: BestSummary | null;
  readonly last: { readonly path: string } | null;
}

/** What the workers found. */
export interface RunResults extends RunProgress {
  /** SHA-256 of the final weights' float32 bytes, little endian, in the model's order. */
  readonly weights_sha256: string;
}

/** summary.json. A run that did not complete holds the epochs it finished, and says why in `error`. */
export interface RunSummary extends Omit<RunResults, "weights_sha256"> {
  readonly status: "completed" | "failed" | "interrupted";
  readonly error?: string;
  readonly weights_sha256: string | null;
  readonly recipe: string;
  readonly dataset: string;
  readonly engine: string;
  readonly world_size: number;
  /** How often the workers were restarted after a fault, over all resumptions of the run. */
  readonly restarts: number;
  /** Of all resumptions that came to an end by themselves; the time of a launcher that was killed is not known. */
  readonly wall_seconds: number;
}
