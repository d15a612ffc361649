// Numbers and times as they are read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, exact, listed, plural, ranges, short } from "../../../src/report/numbers.js";

test("a table has whole numbers in full, others in five digits, and says what is none", () => {
  assert.deepEqual([0, -3, 60_000, 1234567, 0.96270001, 0.00002, 12345.678, 1e20].map(exact), [
    "0",
    "-3",
    "60,000",
    "1,234,567",
    "0.9627",
    "2.000e-5",
    "12,346",
    "1.000e+20",
  ]);
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, null, undefined];
  assert.deepEqual(odd.map(exact), ["NaN", "Infinity", "-Infinity", "-", "-"]);
});

test("an axis has short numbers", () => {
  assert.deepEqual([0, 0.1 + 0.2, 1e-5, 1.25e-10, 2000, 15_000, 2.5e6, 1e20].map(short), [
    "0",
    "0.3",
    "1e-5",
    "1.25e-10",
    "2000",
    "15k",
    "2.5M",
    "1e20",
  ]);
});

test("times are in the units that a person would use", () => {
  assert.deepEqual([0, 3.44, 125, 3840, 2 * 86400 + 3 * 3600].map(duration), [
    "0.0 s",
    "3.4 s",
    "2 min 5 s",
    "1 h 4 min",
    "2 d 3 h",
  ]);
  assert.equal(duration(null), "-");
});

test("epochs in a row are a range", () => {
  assert.equal(ranges([1, 2, 3, 7, 9, 10]), "1 to 3, 7, 9 to 10");
  assert.equal(ranges([1, 3, 5, 7], 2), "1, 3 and others");
  assert.equal(listed(["a", "b", "c"]), "a, b and c");
  assert.deepEqual([plural(1, "class", "classes"), plural(2000, "epoch")], ["1 class", "2,000 epochs"]);
});
