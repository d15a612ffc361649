// Sums without any rounding: the same bits whatever the order of the numbers and however ranks share them. The sum is
// kept in cells, each an integer count of its own unit, and the units are 24 bits apart. A number adds at most 2^24
// units to a cell, so that a cell stays exact for 2^29 numbers; beyond, it rounds as any float64 sum does.

const WIDTH = 24;
/** The lowest unit is 2^-312: all sums of squares of float32 numbers are multiples of 2^-298. */
const LOWEST = -13;
const CELLS = 24;
const UNITS = Float64Array.from({ length: CELLS }, (_, cell) => 2 ** (WIDTH * (cell + LOWEST)));

/** Of {@link ExactSum.scaled}: 2^312 is 1. */
export const ONE = 1n << BigInt(-WIDTH * LOWEST);

/** A sum that lives in a part of a metric's state: adding two states, element by element, adds the sums. */
export class ExactSum {
  /** How many elements of the state it takes. */
  static readonly size = CELLS + 1;
  /** The cells, lowest first; then what is not finite. */
  readonly #cells: Float64Array;

  constructor(cells: Float64Array) {
    this.#cells = cells;
  }

  /** Adds a number of any size up to 2^264; what lies below 2^-312 is cut off. */
  add(value: number): void {
    if (!Number.isFinite(value)) {
      this.#cells[CELLS] += value;
      return;
    }
    let rest = value;
    const highest = Math.floor(Math.log2(Math.abs(value)) / WIDTH) - LOWEST;
    for (let cell = Math.min(highest, CELLS - 1); cell >= 0 && rest !== 0; cell--) {
      const units = Math.trunc(rest / UNITS[cell]);
      this.#cells[cell] += units;
      rest -= units * UNITS[cell];
    }
  }

  /** 0 while all numbers were finite, else NaN or an infinity. */
  get notFinite(): number {
    return this.#cells[CELLS];
  }

  /** The sum of the finite numbers, in units of 1 / {@link ONE}. */
  get scaled(): bigint {
    let sum = 0n;
    for (let cell = CELLS - 1; cell >= 0; cell--) {
      sum = (sum << BigInt(WIDTH)) + BigInt(this.#cells[cell]);
    }
    return sum;
  }

  /** The sum divided by a whole number; NaN when that is 0. */
  dividedBy(count: number): number {
    if (count === 0 || this.notFinite !== 0) return this.notFinite / count;
    return quotient(this.scaled, BigInt(count) * ONE);
  }
}

/** The number nearest to `above / below`, of which `below` is positive. */
export function quotient(above: bigint, below: bigint): number {
  if (above < 0n) return -quotient(-above, below);
  // 64 bits and whether there are more: enough to round to 53 in the right direction.
  const shift = Math.max(0, 64 - bitLength(above) + bitLength(below));
  const scaled = above << BigInt(shift);
  const whole = scaled / below;
  const isExact = whole * below === scaled;
  return Number(isExact ? whole : (whole << 1n) | 1n) * 2 ** -(isExact ? shift : shift + 1);
}

function bitLength(value: bigint): number {
  return value.toString(16).length * 4;
}
