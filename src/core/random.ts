// Seeded random numbers, the same as torch's CPU generator bit for bit: MT19937 and the shuffle it drives. One seed
// gives the same numbers on every rank, machine and Node version.
import { UsageError } from "./errors.js";

const STATE = 624;
const MIDDLE = 397;
/** From here on torch's randperm draws 64-bit numbers, which this file does not: (2^32 - 1) / 20. */
const RANDPERM_LIMIT = 214_748_364;

/** MT19937 (Matsumoto and Nishimura 1998), seeded by the classic init with the low 32 bits of `seed`, as torch does. */
export class Mt19937 {
  readonly #state = new Uint32Array(STATE);
  #at = STATE;

  /** @throws UsageError when `seed` is not a whole number from 0 to 2^53 - 1. */
  constructor(seed: number) {
    requireSeed(seed);
    const state = this.#state;
    // Storing into a Uint32Array takes the number modulo 2^32.
    state[0] = seed;
    for (let i = 1; i < STATE; i++) {
      const previous = state[i - 1] ^ (state[i - 1] >>> 30);
      state[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** The next whole number, uniform over 0 to 2^32 - 1. */
  next(): number {
    if (this.#at === STATE) this.#twist();
    let y = this.#state[this.#at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A number in [low, high) from 24 random bits; on [0, 1) it is what torch.rand gives as float32. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * ((this.next() & 0xffffff) / 0x1000000);
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < STATE; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % STATE] & 0x7fffffff);
      state[i] = state[(i + MIDDLE) % STATE] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}

/**
 * The numbers 0 to n - 1 in the order of torch.randperm on the CPU: a forward Fisher-Yates shuffle.
 * @throws UsageError when `n` is not a whole number from 0 to 214,748,363, or `seed` not one from 0 to 2^53 - 1.
 */
export function randperm(n: number, seed: number): Int32Array {
  if (!Number.isInteger(n) || n < 0 || n >= RANDPERM_LIMIT) {
    throw new UsageError(`randperm shuffles 0 to ${RANDPERM_LIMIT - 1} numbers, got n = ${n}`);
  }
  const random = new Mt19937(seed);
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = 0; i < n - 1; i++) {
    const j = i + (random.next() % (n - i));
    const moved = order[i];
    order[i] = order[j];
    order[j] = moved;
  }
  return order;
}

/** @throws UsageError when `seed` is not a whole number from 0 to 2^53 - 1. */
export function requireSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new UsageError(`a seed is a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got ${seed}`);
  }
}
