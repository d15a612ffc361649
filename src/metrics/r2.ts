// R², the share of the targets' variance that the outputs explain.
import type { HostValues } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";
import { requireOneScore } from "./binary-scores.js";
import { ExactSum, ONE, quotient } from "./exact-sum.js";
import type { Metric } from "./metric.js";
import { faultOfNumbers } from "./shapes.js";

const COUNT = 3 * ExactSum.size;

/**
 * `r2`: 1 - Σ(target - output)² / Σ(target - mean target)², as scikit-learn's r2_score; outputs and targets are [batch]
 * or [batch, 1]. NaN where it is not defined: no sample, all targets equal, or a value that is not finite (scikit-learn
 * gives 0 or 1 for equal targets, which a run would take for a score).
 *
 * The variance comes from exact sums of targets and of their squares: targets far from 0 lose no digits.
 */
export class R2 implements Metric {
  /** Sums of the targets, of their squares and of the squared errors, then the number of samples. */
  readonly state = new Float64Array(COUNT + 1);
  readonly #targets = this.#sum(0);
  readonly #squares = this.#sum(1);
  readonly #errors = this.#sum(2);

  /** @throws UsageError when there is not one output and one target a sample. */
  update(outputs: HostValues, targets: HostValues): void {
    requireOneScore(outputs);
    const fault = faultOfNumbers(outputs, targets);
    if (fault !== null) throw new UsageError(fault);
    for (let i = 0; i < outputs.data.length; i++) {
      const target = targets.data[i];
      const error = target - outputs.data[i];
      this.#targets.add(target);
      this.#addSquare(target);
      this.#errors.add(error * error);
    }
    this.state[COUNT] += outputs.data.length;
  }

  reset(): void {
    this.state.fill(0);
  }

  compute(): Record<string, number> {
    const sums = [this.#targets, this.#squares, this.#errors];
    const count = BigInt(this.state[COUNT]);
    const sum = this.#targets.scaled;
    // Both times the number of samples, in units of 1 / ONE².
    const variance = count * this.#squares.scaled * ONE - sum * sum;
    const errors = count * this.#errors.scaled * ONE;
    const isDefined = variance > 0n && sums.every(({ notFinite }) => notFinite === 0);
    return { r2: isDefined ? quotient(variance - errors, variance) : Number.NaN };
  }

  /** A float32's square fits a float64. An int32 is a float32 and a rest of 8 bits, of which all products fit. */
  #addSquare(value: number): void {
    const high = Math.fround(value);
    const low = value - high;
    this.#squares.add(high * high);
    if (low === 0) return;
    this.#squares.add(2 * high * low);
    this.#squares.add(low * low);
  }

  #sum(place: number): ExactSum {
    return new ExactSum(this.state.subarray(place * ExactSum.size, (place + 1) * ExactSum.size));
  }
}
