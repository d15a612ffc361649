// What ranks agree on at a step of the optimizer, in the same message as the gradients: whether to end the run here,
// and whether to leave the batch out because a loss is not finite. Only after such a step can an epoch be cut.
import { RunError } from "../../core/errors.js";
import type { OnNan } from "../../core/options/table.js";
import { gatherJson, type ProcessGroup, type Wire } from "../../core/process-group.js";
import type { Log } from "../../core/process-log.js";
import type { Position } from "../../core/protocol.js";

/** Values at the end of a message of gradients. */
export const SIGNALS = 2;
const STOP = 0;
const BAD = 1;

interface BadBatch extends Position {
  /** Of the batch, what is bad. */
  readonly what: "loss" | "gradient";
  readonly value: string;
  /** Indices of the batch's samples, where the loader knows them. */
  readonly samples: readonly number[];
}

export interface StepAgreementOptions {
  readonly group: ProcessGroup;
  readonly log: Log;
  readonly onNan: OnNan;
  /** Aborted when this rank is asked to end the run. */
  readonly interrupted: AbortSignal | undefined;
}

export class StepAgreement {
  readonly #options: StepAgreementOptions;
  #stopAgreed = false;
  #hasStepped = false;
  #isLeftOut = false;
  /** This rank's bad batches since the last step. */
  #bad: BadBatch[] = [];

  constructor(options: StepAgreementOptions) {
    this.#options = options;
  }

  /** Whether this rank was asked to end the run. */
  get stopAsked(): boolean {
    return this.#options.interrupted?.aborted ?? false;
  }

  /** True after the batch at which all ranks end the run. */
  get stopHere(): boolean {
    return this.#stopAgreed && this.#hasStepped;
  }

  /** Whether gradients were reduced in this batch, and applied or left out. */
  get hasStepped(): boolean {
    return this.#hasStepped;
  }

  /** Whether this batch, and those accumulated with it, were left out on all ranks. */
  get isLeftOut(): boolean {
    return this.#isLeftOut;
  }

  beginBatch(): void {
    this.#hasStepped = false;
    this.#isLeftOut = false;
  }

  /** Keeps a batch whose loss or gradient is not finite until the next reduction tells all ranks. */
  noteBad(
    what: "loss" | "gradient",
    value: string,
    position: Position,
    samples: Int32Array | undefined,
  ): void {
    // A gradient follows the loss: told once.
    const isTold = this.#bad.some(
      ({ batch, loader }) => batch === position.batch && loader === position.loader,
    );
    if (isTold) return;
    const bad = { what, value, samples: [...(samples ?? [])], ...position };
    this.#bad.push(bad);
    this.#options.log.error(`the ${what} is not finite`, bad);
  }

  /** Writes what this rank has to say into the last values of its message. */
  write(signals: Float32Array): void {
    signals[STOP] = this.stopAsked ? 1 : 0;
    signals[BAD] = this.#bad.length > 0 ? 1 : 0;
  }

  /**
   * Reads what all ranks have said, and looks at the mean gradient where it is given: it has the same bits on all of
   * them. False when the batch is to be left out.
   * @throws RunError naming ranks and batch when a batch is bad and the run is to stop at that.
   */
  async settle(signals: Float32Array, gradient: Float32Array | null, wire: Wire): Promise<boolean> {
    this.#stopAgreed = signals[STOP] > 0;
    this.#hasStepped = true;
    if (signals[BAD] > 0) this.#refuse(await this.#badBatches(), "try a smaller learning rate");
    else if (gradient !== null && !areFinite(gradient)) this.#refuse(...gradientFault(wire));
    return !this.#isLeftOut;
  }

  /** All ranks come here together. */
  async #badBatches(): Promise<string> {
    const reports = await gatherJson(this.#options.group, this.#bad);
    this.#bad = [];
    const lines = reports.flatMap((ofRank, rank) =>
      ofRank.map((bad) => `the ${bad.what} of rank ${rank} is ${bad.value} in ${placeOf(bad)}`),
    );
    return `${lines.join("; ")}; the samples' indices are in the rank's log`;
  }

  #refuse(what: string, remedy: string): void {
    const { group, log, onNan } = this.#options;
    if (onNan === "stop") {
      throw new RunError(`${what}; ${remedy}, or leave such batches out with --on-nan skip`);
    }
    this.#isLeftOut = true;
    if (group.rank === 0) log.warn(`batch left out: ${what}`);
  }
}

function gradientFault(wire: Wire): [what: string, remedy: string] {
  if (wire === "fp16") return ["the mean gradient does not fit into fp16", "try --wire bf16 or fp32"];
  return ["the mean gradient is not finite, though the loss is", "try a smaller learning rate or clipNorm"];
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
