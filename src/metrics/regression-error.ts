// Mean errors of numbers: absolute and squared. Their sums are exact, so that they are the same for any number of ranks.
import type { HostValues } from "../core/criterion.js";
import { UsageError } from "../core/errors.js";
import { ExactSum } from "./exact-sum.js";
import type { Metric } from "./metric.js";
import { faultOfNumbers } from "./shapes.js";

/** A mean of errors over all elements of all samples. */
abstract class MeanError implements Metric {
  /** The sum of errors, then their number. */
  readonly state = new Float64Array(ExactSum.size + 1);
  readonly #sum = new ExactSum(this.state.subarray(0, ExactSum.size));

  /** @throws UsageError when outputs and targets are not numbers of one shape. */
  update(outputs: HostValues, targets: HostValues): void {
    const fault = faultOfNumbers(outputs, targets);
    if (fault !== null) throw new UsageError(fault);
    const [output, target] = [outputs.data, targets.data];
    for (let i = 0; i < output.length; i++) this.#sum.add(this.errorOf(output[i] - target[i]));
    this.state[ExactSum.size] += output.length;
  }

  reset(): void {
    this.state.fill(0);
  }

  abstract compute(): Record<string, number>;

  protected abstract errorOf(difference: number): number;

  protected get mean(): number {
    return this.#sum.dividedBy(this.state[ExactSum.size]);
  }
}

/** `mae`: the mean of |output - target|; NaN when there was no sample, or a NaN. */
export class MeanAbsoluteError extends MeanError {
  compute(): Record<string, number> {
    return { mae: this.mean };
  }

  protected errorOf(difference: number): number {
    return Math.abs(difference);
  }
}

/** `mse`, the mean of (output - target)², and `rmse`, its root; NaN when there was no sample, or a NaN. */
export class MeanSquaredError extends MeanError {
  compute(): Record<string, number> {
    const { mean } = this;
    return { mse: mean, rmse: Math.sqrt(mean) };
  }

  protected errorOf(difference: number): number {
    return difference * difference;
  }
}
