// What ranks agree on at a step of the optimizer, in the same message as the gradients: whether to end the run here,
// and whether to leave the batch out because a loss is not a number. Only after such a step can an epoch be cut.
import type { FlatGradients } from "../../core/context.js";
import { RunError } from "../../core/errors.js";
import type { OnNan } from "../../core/options/table.js";
import { gatherJson, type ProcessGroup, type Wire } from "../../core/process-group.js";
import type { Log } from "../../core/process-log.js";
import type { Position } from "../../core/protocol.js";
import { type Bucket, reduceBuckets } from "./buckets.js";

interface BadLoss extends Position {
  readonly loss: string;
  /** Indices of the batch's samples, where the loader knows them. */
  readonly samples: readonly number[];
}

export interface StepSignalsOptions {
  readonly group: ProcessGroup;
  readonly log: Log;
  readonly onNan: OnNan;
  /** What gradients are while they travel. */
  readonly wire: Wire;
  /** Train batches between saves within an epoch; null for none. */
  readonly checkpointEvery: number | null;
  /** Aborted when this rank is asked to end the run. */
  readonly interrupted: AbortSignal | undefined;
}

export class StepSignals {
  readonly #options: StepSignalsOptions;
  #stopAgreed = false;
  #stepped = false;
  /** Train batches since the last save. */
  #unsaved = 0;
  #badLoss: BadLoss | null = null;

  constructor(options: StepSignalsOptions) {
    this.#options = options;
  }

  /** Whether this rank was asked to end the run. */
  get stopAsked(): boolean {
    return this.#options.interrupted?.aborted ?? false;
  }

  /** True after the batch at which all ranks end the run. */
  get stopHere(): boolean {
    return this.#stopAgreed && this.#stepped;
  }

  /** True after a batch at which the run is to be saved; alike on all ranks. */
  get saveNow(): boolean {
    const { checkpointEvery } = this.#options;
    return this.stopHere || (this.#stepped && checkpointEvery !== null && this.#unsaved >= checkpointEvery);
  }

  beginBatch(isTrain: boolean): void {
    if (this.saveNow) this.#unsaved = 0;
    if (isTrain) this.#unsaved++;
    this.#stepped = false;
  }

  /** Keeps a loss that is not a finite number until the next reduction tells all ranks. */
  noteLoss(loss: number, position: Position, samples: Int32Array | undefined): void {
    if (Number.isFinite(loss)) return;
    this.#badLoss = { loss: String(loss), samples: [...(samples ?? [])], ...position };
    this.#options.log.error("the loss is not a finite number", this.#badLoss);
  }

  /**
   * Averages gradients over all ranks, bucket by bucket; `read` brings each before it leaves, while those before it
   * travel. False when the batch is to be left out.
   * @throws RunError naming ranks and batch when a loss is bad and the run is to stop at that.
   */
  async reduce(
    { wire, flat }: FlatGradients,
    buckets: readonly Bucket[],
    read?: (bucket: Bucket) => Promise<void>,
  ): Promise<boolean> {
    const [stop, bad] = [flat.length, flat.length + 1];
    wire[stop] = this.stopAsked ? 1 : 0;
    wire[bad] = this.#badLoss ? 1 : 0;
    const format = this.#options.wire;
    await reduceBuckets(buckets, read, ({ start, end }) =>
      this.#options.group.allReduce(wire.subarray(start, end), "mean", format),
    );
    this.#stopAgreed = wire[stop] > 0;
    this.#stepped = true;
    if (wire[bad] > 0) {
      this.#refuse(await this.#badLosses(), "try a smaller learning rate");
      return false;
    }
    // The same on all ranks, since they have the same bits. The other wires have float32's range.
    if (format !== "fp16" || areFinite(flat)) return true;
    this.#refuse(`the mean gradient does not fit into ${format}`, "try --wire bf16 or fp32");
    return false;
  }

  /** All ranks come here together. */
  async #badLosses(): Promise<string> {
    const { group } = this.#options;
    const reports = await gatherJson(group, this.#badLoss);
    this.#badLoss = null;
    const lines = reports
      .map((report, rank) => report && `the loss of rank ${rank} is ${report.loss} in ${placeOf(report)}`)
      .filter((line) => line !== null);
    return `${lines.join("; ")}; the samples' indices are in the rank's log`;
  }

  #refuse(what: string, remedy: string): void {
    const { group, log, onNan } = this.#options;
    if (onNan === "stop") {
      throw new RunError(`${what}; ${remedy}, or leave such batches out with --on-nan skip`);
    }
    if (group.rank === 0) log.warn(`batch left out: ${what}`);
  }
}

function areFinite(values: Float32Array): boolean {
  // Differences of equal numbers are 0 where these are finite, else NaN: cheaper than a test for each.
  let [even, odd] = [0, 0];
  for (let i = 0; i < values.length - 1; i += 2) {
    even += values[i] - values[i];
    odd += values[i + 1] - values[i + 1];
  }
  const last = values.at(-1) ?? 0;
  return even + odd + (last - last) === 0;
}

function placeOf({ stage, epoch, loader, batch }: Position): string {
  return `stage "${stage}", epoch ${epoch}, ${loader} batch ${batch}`;
}
