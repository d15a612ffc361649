// Accuracy of yes-or-no labels and the area under the ROC curve, against what their definitions give pair by pair.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { HostValues } from "../../../src/core/criterion.js";
import { UsageError } from "../../../src/core/errors.js";
import { Auc } from "../../../src/metrics/auc.js";
import { BinaryAccuracy, MultilabelAccuracy } from "../../../src/metrics/binary-accuracy.js";

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

function floats(values: readonly number[], shape: readonly number[] = [values.length]): HostValues {
  return { shape, dtype: "float32", data: Float32Array.from(values) };
}
function ints(values: readonly number[], shape: readonly number[] = [values.length]): HostValues {
  return { shape, dtype: "int32", data: Int32Array.from(values) };
}
function refused(run: () => void, message: RegExp): void {
  assert.throws(run, (error) => error instanceof UsageError && message.test(error.message));
}

describe("binary accuracy", () => {
  const accuracyOf = (metric: BinaryAccuracy, outputs: HostValues, targets: HostValues) => {
    metric.update(outputs, targets);
    return metric.compute().accuracy;
  };

  test("of probabilities: above 0.5 is a yes, 0.5 is a no, NaN is never right", () => {
    const scores = [0.9, 0.5, 0.5, 0.1, nan, nan];
    const metric = new BinaryAccuracy();
    assert.equal(accuracyOf(metric, floats(scores), ints([1, 1, 0, 1, 0, 1])), 2 / 6);
    assert.deepEqual([...metric.state], [2, 6]);
  });

  test("of logits, and with another threshold", () => {
    assert.equal(
      accuracyOf(new BinaryAccuracy({ fromLogits: true }), floats([3, -3, 0, infinity]), ints([1, 0, 0, 1])),
      1,
    );
    assert.equal(accuracyOf(new BinaryAccuracy({ threshold: 0.8 }), floats([0.7, 0.81]), ints([0, 1])), 1);
    // The sigmoid of 1 is 0.73, of 2 it is 0.88.
    const both = new BinaryAccuracy({ fromLogits: true, threshold: 0.8 });
    assert.equal(accuracyOf(both, floats([1, 2]), ints([0, 1])), 1);
  });

  test("columns and lists are the same, targets may be of any type, and other shapes are refused", () => {
    const [list, column] = [floats([0.9, 0.2]), floats([0.9, 0.2], [2, 1])];
    const bools: HostValues = { shape: [2, 1], dtype: "bool", data: Uint8Array.of(1, 0) };
    for (const outputs of [list, column]) {
      for (const targets of [ints([1, 0]), ints([1, 0], [2, 1]), floats([1, 0]), bools]) {
        assert.equal(accuracyOf(new BinaryAccuracy(), outputs, targets), 1);
      }
      refused(
        () => accuracyOf(new BinaryAccuracy(), outputs, ints([1, 0], [1, 2])),
        /a target for each output, of shape \[2(,1)?\], got targets \[1,2\]/,
      );
    }
    refused(
      () => accuracyOf(new BinaryAccuracy(), floats([0, 1, 0, 1], [2, 2]), ints([1, 0])),
      /one output a sample, \[batch\] or \[batch, 1\], got \[2,2\]/,
    );
  });

  test("what is no label and what is no probability is told with its value", () => {
    for (const bad of [2, -1, 0.3, nan]) {
      refused(
        () => accuracyOf(new BinaryAccuracy(), floats([0.5]), floats([bad])),
        /target (2|-1|0\.3\d*|NaN) is neither 0 nor 1/,
      );
    }
    for (const bad of [1.5, -0.25, infinity]) {
      refused(
        () => accuracyOf(new BinaryAccuracy(), floats([bad]), ints([1])),
        /the output (1\.5|-0\.25|Infinity) is no probability; if these are logits, say fromLogits: true/,
      );
    }
    assert.equal(accuracyOf(new BinaryAccuracy(), floats([1.0000001]), ints([1])), 1, "rounding is allowed");
    refused(() => accuracyOf(new BinaryAccuracy(), ints([1]), ints([1])), /wants float32, got int32/);
    for (const threshold of [0, 1, -1, nan]) refused(() => new BinaryAccuracy({ threshold }), /threshold/);
  });

  test("without samples it is not a number", () => {
    assert.equal(new BinaryAccuracy().compute().accuracy, nan);
    assert.equal(accuracyOf(new BinaryAccuracy(), floats([]), ints([])), nan);
  });
});

test("multilabel accuracy: labels that are right, and samples of which all are", () => {
  const metric = new MultilabelAccuracy();
  metric.update(floats([0.9, 0.1, 0.8, 0.7, 0.2, nan], [2, 3]), ints([1, 0, 1, 1, 1, 0], [2, 3]));
  assert.deepEqual(metric.compute(), { accuracy: 4 / 6, exact_match: 1 / 2 });
  refused(() => metric.update(floats([0.5]), ints([1])), /wants outputs \[batch, labels\], got \[1\]/);
  refused(() => metric.update(floats([0, 1], [1, 2]), ints([0, 1], [2, 1])), /got targets \[2,1\]/);
  metric.reset();
  assert.deepEqual(metric.compute(), { accuracy: nan, exact_match: nan });
});

describe("the area under the ROC curve", () => {
  const aucOf = (scores: readonly number[], targets: readonly number[], fromLogits = false) => {
    const metric = new Auc({ fromLogits });
    metric.update(floats(scores), ints(targets));
    return metric.compute();
  };
  /** The share of pairs in which the positive sample scores higher; equal scores count half. */
  const byPairs = (scores: readonly number[], targets: readonly number[]) => {
    let [won, pairs] = [0, 0];
    for (const [i, positive] of scores.entries()) {
      for (const [j, negative] of scores.entries()) {
        if (targets[i] !== 1 || targets[j] !== 0) continue;
        pairs++;
        won += positive > negative ? 1 : positive === negative ? 0.5 : 0;
      }
    }
    return won / pairs;
  };

  test("by hand", () => {
    assert.deepEqual(aucOf([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), { auc: 0.75, "auc/error": 0 });
    assert.deepEqual(aucOf([0.5, 0.5], [0, 1]), { auc: 0.5, "auc/error": 0.5 });
    assert.deepEqual(aucOf([0, 1], [0, 1]), { auc: 1, "auc/error": 0 });
    assert.deepEqual(aucOf([-infinity, infinity, 5], [1, 0, 0], true), { auc: 0, "auc/error": 0 });
  });

  test("is within its own error of the exact area", () => {
    const samples = fc.array(
      fc.record({
        score: fc.float({ min: Math.fround(-30), max: Math.fround(30), noNaN: true }),
        target: fc.nat(1),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(samples, (list) => {
        const [scores, targets] = [list.map(({ score }) => score), list.map(({ target }) => target)];
        fc.pre(targets.includes(0) && targets.includes(1));
        const { auc, "auc/error": error } = aucOf(scores, targets, true);
        const exact = byPairs(scores, targets);
        assert.ok(Math.abs(auc - exact) <= error + 1e-12, `${auc} ± ${error} for ${exact}`);
      }),
    );
  });

  test("tells rare and sure probabilities apart, which even steps put together", () => {
    const scores = Array.from({ length: 2000 }, (_, i) => 1e-6 * 1.004 ** i);
    const targets = scores.map((_, i) => ((i * 7919) % 3 === 0 || i > 1500 ? 1 : 0));
    const { auc, "auc/error": error } = aucOf(scores, targets);
    assert.ok(scores[1999] < 0.005, "all in the first of 200 even steps");
    assert.ok(error < 0.002, `${error}`);
    assert.ok(Math.abs(auc - byPairs(scores, targets)) <= error);
    const sure = aucOf([0.999999, 0.9999999], [0, 1]);
    assert.deepEqual(sure, { auc: 1, "auc/error": 0 });
  });

  test("one class, or no sample, has none", () => {
    for (const targets of [[], [0, 0], [1, 1]]) {
      const values = aucOf(
        targets.map(() => 0.5),
        targets,
      );
      assert.deepEqual(values, { auc: nan, "auc/error": nan });
    }
  });

  test("a NaN is on the wrong side of all others", () => {
    assert.equal(aucOf([nan, 0, 0.5], [1, 0, 0]).auc, 0);
    assert.equal(aucOf([nan, 1, 0.5], [0, 1, 1]).auc, 0);
    assert.equal(aucOf([nan, nan], [0, 1]).auc, 0);
  });

  test("refuses what is no label or no probability", () => {
    refused(() => aucOf([2], [1]), /the output 2 is no probability/);
    refused(() => aucOf([0.5], [2]), /target 2 is neither 0 nor 1/);
  });
});

test("adding up the shards' states gives the whole, to the bit", () => {
  const sample = fc.record({
    score: fc.oneof(fc.float({ min: 0, max: 1, noNaN: true }), fc.constant(nan)),
    target: fc.nat(1),
    rank: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 40 }), (samples) => {
      for (const make of [() => new BinaryAccuracy(), () => new MultilabelAccuracy(), () => new Auc()]) {
        const measure = (part: typeof samples) => {
          const metric = make();
          const shape = metric instanceof MultilabelAccuracy ? [part.length, 1] : [part.length];
          metric.update(
            floats(
              part.map(({ score }) => score),
              shape,
            ),
            ints(
              part.map(({ target }) => target),
              shape,
            ),
          );
          return metric;
        };
        const [whole, merged] = [measure(samples), make()];
        for (const rank of [0, 1, 2]) {
          const shard = measure(samples.filter((each) => each.rank === rank));
          for (let i = 0; i < merged.state.length; i++) merged.state[i] += shard.state[i];
        }
        assert.deepEqual(merged.state, whole.state);
        assert.deepEqual(merged.compute(), whole.compute());
        whole.reset();
        assert.ok(whole.state.every((value) => value === 0));
      }
    }),
  );
});
