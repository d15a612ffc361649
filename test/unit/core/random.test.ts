// The random numbers are MT19937's and torch's, so expected values come from the C++ standard and from torch.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UsageError } from "../../../src/core/errors.js";
import { Mt19937, randperm } from "../../../src/core/random.js";

test("MT19937 gives the C++ standard's numbers for seed 5489", () => {
  const random = new Mt19937(5489);
  assert.equal(random.next(), 3499211612);
  // [rand.predef]: the 10000th number of a default-constructed std::mt19937.
  for (let i = 2; i < 10000; i++) random.next();
  assert.equal(random.next(), 4123659995);
});

test("uniform gives torch.rand's float32 numbers, and stays inside its bounds", () => {
  // torch.manual_seed(seed); torch.rand(1)
  assert.equal(new Mt19937(0).uniform(), Math.fround(0.49625658988952637));
  assert.equal(new Mt19937(42).uniform(), Math.fround(0.8822692632675171));
  const random = new Mt19937(7);
  let sum = 0;
  for (let i = 0; i < 4000; i++) {
    const value = random.uniform(-2, 4);
    assert.ok(value >= -2 && value < 4);
    sum += value;
  }
  assert.ok(Math.abs(sum / 4000 - 1) < 0.1, `mean ${sum / 4000}`);
});

test("a seed counts modulo 2^32, as in torch", () => {
  assert.equal(new Mt19937(2 ** 32 + 5).next(), new Mt19937(5).next());
  assert.equal(new Mt19937(Number.MAX_SAFE_INTEGER).next(), new Mt19937(2 ** 32 - 1).next());
  assert.notEqual(new Mt19937(6).next(), new Mt19937(5).next());
});

test("randperm gives torch's order", () => {
  // torch.randperm(10) with seeds 0 and 43
  assert.deepEqual([...randperm(10, 0)], [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]);
  assert.deepEqual([...randperm(10, 43)], [8, 4, 9, 0, 5, 1, 6, 7, 2, 3]);
  assert.deepEqual([...randperm(0, 0)], []);
  assert.deepEqual([...randperm(1, 0)], [0]);
});

test("randperm holds every number once, whatever the length and seed", () => {
  fc.assert(
    fc.property(fc.nat(2000), fc.maxSafeNat(), (n, seed) => {
      const order = randperm(n, seed);
      assert.deepEqual(
        order.toSorted(),
        Int32Array.from({ length: n }, (_, i) => i),
      );
    }),
  );
});

test("what cannot be a seed or a length is the caller's mistake", () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => new Mt19937(seed), UsageError, `seed ${seed}`);
  }
  // From 214748364 on torch draws 64-bit numbers; a wrong order would be worse than none.
  for (const n of [-1, 1.5, Number.NaN, 214_748_364]) {
    assert.throws(() => randperm(n, 0), UsageError, `n ${n}`);
  }
});
