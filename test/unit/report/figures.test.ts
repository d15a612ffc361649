// Figures draw what there is: few numbers or many, and none that is no number.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { byEpoch } from "../../../src/report/figures/by-epoch.js";
import { classFigures } from "../../../src/report/figures/classes.js";
import { confusionFigures } from "../../../src/report/figures/confusion.js";
import type { Figure } from "../../../src/report/figures/figure.js";
import { metricFigures, rateFigure, speedFigure } from "../../../src/report/figures/metrics.js";
import { stageTimes } from "../../../src/report/figures/stage-times.js";
import { evenly, type Point, thin } from "../../../src/report/figures/thin.js";
import { readRun } from "../../../src/report/record.js";
import { classMetrics, epochs, type FakeRun, work, writeRun } from "./runs.js";

after(() => rmSync(work, { recursive: true, force: true }));

const look = { colour: 0, dash: 0 };
const chart = (values: readonly (number | null)[]) =>
  byEpoch({ title: "loss", series: [{ name: "train", look, values, best: null }], stages: [], best: null });
const read = (run: FakeRun) => readRun(writeRun(run));
const source = (metrics: Record<string, number>) => ({
  loader: "valid",
  epoch: 3,
  metrics: new Map(Object.entries(metrics)),
});

/** What every chart promises: one image with a title and a description, numbers for coordinates, tags that match. */
function check({ title, description, svg, table }: Figure): void {
  assert.match(
    svg.text,
    /^<svg role="img" viewBox="0 0 360 [\d.]+" [^>]*><title>[^<]+<\/title><desc>[^<]+<\/desc>/,
  );
  assert.ok(title !== "" && /\.$/.test(description), description);
  for (const [, value] of svg.text.matchAll(/ (?:d|x|y|width|height|transform|cx|cy)="([^"]*)"/g)) {
    assert.doesNotMatch(value, /NaN|Infinity|undefined|e[+-]?\d/);
  }
  const open: string[] = [];
  for (const [, end, name, empty] of svg.text.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (end === "/") assert.equal(open.pop(), name);
    else if (empty !== "/") open.push(name);
  }
  assert.deepEqual(open, []);
  for (const row of table.rows) assert.equal(row.length, table.head.length);
}

/** The line's path of a chart's first series. */
const lineOf = ({ svg }: Figure) => /class="line" d="([^"]*)"/.exec(svg.text)?.[1] ?? "";

describe("by epoch", () => {
  test("any numbers whatever make a chart, inside its bounds", () => {
    const value = fc.oneof(fc.double(), fc.constant(null), fc.constantFrom(0, 1e308, -1e308, 5e-324));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 60 }), (values) => {
        const figure = chart(values);
        check(figure);
        const places = [...lineOf(figure).matchAll(/[ML]([-\d.]+),([-\d.]+)/g)];
        const height = Number(/viewBox="0 0 360 ([\d.]+)"/.exec(figure.svg.text)?.[1]);
        for (const [, x, y] of places) {
          assert.ok(Number(x) >= 0 && Number(x) <= 360 && Number(y) >= 0 && Number(y) <= height);
        }
      }),
    );
  });

  test("what is no finite number is a gap, a cross, and a sentence; what was not measured is none of them", () => {
    const figure = chart([1, 2, Number.NaN, 3, 2, Number.POSITIVE_INFINITY, 1]);
    assert.equal(lineOf(figure).match(/M/g)?.length, 3);
    assert.match(figure.svg.text, /class="cross c0 d0" d="M[^"]+M[^"]+"/);
    assert.deepEqual(figure.notes, ["train is NaN in epoch 3.", "train is Infinity in epoch 6."]);
    const every2nd = chart([1, null, 2, null, 3]);
    assert.equal(lineOf(every2nd).match(/M/g)?.length, 1);
    assert.deepEqual(every2nd.notes, []);
    assert.deepEqual(every2nd.table.rows[1], ["2", "-"]);
  });

  test("without a finite number it says so, and draws no line", () => {
    const figure = chart([Number.NaN, Number.NaN]);
    assert.match(figure.svg.text, />no finite value</);
    assert.equal(lineOf(figure), "");
    check(figure);
  });

  test("one epoch is a mark in the middle", () => {
    const figure = chart([0.5]);
    check(figure);
    assert.equal(figure.svg.text.match(/<path class="mark" /g)?.length, 1);
    assert.match(figure.svg.text, /<title>train, epoch 1: 0\.5<\/title>/);
  });

  test("two thousand epochs make a line of pixels and a table that says what it lacks", () => {
    const figure = chart(Array.from({ length: 2000 }, (_, i) => Math.sin(i)));
    check(figure);
    assert.ok(figure.svg.text.length < 30_000, `${figure.svg.text.length}`);
    assert.ok(figure.table.rows.length <= 102);
    assert.match(figure.table.lacks ?? "", /^100 of the 2,000 epochs/);
  });

  test("a hundredfold and more is drawn on a logarithmic scale, which is said", () => {
    assert.ok(chart([1, 0.01]).notes.includes("Logarithmic scale."));
    assert.ok(!chart([1, 0.02]).notes.includes("Logarithmic scale."));
    assert.ok(!chart([1, 0]).notes.includes("Logarithmic scale."));
  });

  test("stages and the best epoch are marked, in the picture, the words and the table", () => {
    const run = read({
      stages: [
        ["warm", epochs(2, () => ({ loss: 2 }))],
        ["main", epochs(3, (i) => ({ loss: 1 / (i + 1) }))],
      ],
      best: ["main", 2, "loss", "valid", 0.5],
    });
    const [figure] = metricFigures([run]).figures;
    check(figure);
    assert.equal(figure.svg.text.match(/class="boundary"/g)?.length, 1);
    assert.match(figure.svg.text, /class="best"/);
    assert.match(figure.svg.text, /class="ring"[^>]*><title>valid, best epoch 4: 0\.5</);
    assert.match(
      figure.description,
      /Stages: warm \(epochs 1 to 2\) and main \(epochs 3 to 5\)\. The best epoch is 4\.$/,
    );
    assert.deepEqual(figure.table.rows[3], ["4", "main", "0.5", "0.5 (best)"]);
  });
});

describe("which metrics have a chart", () => {
  test("the loss first, then the watched one; those of classes and rates are elsewhere; twins are one", () => {
    const metrics = (i: number) => ({
      zeta: i,
      acc: i / 2,
      accuracy01: i / 2,
      loss: -i,
      lr: 0.1,
      "f1/class_00": 1,
      f1: i + 1,
    });
    const run = read({ stages: [["s", epochs(3, metrics)]], best: ["s", 3, "f1", "valid", 3] });
    const { figures, left } = metricFigures([run]);
    assert.deepEqual(
      figures.map(({ title, notes }) => [title, ...notes]),
      [["loss"], ["f1"], ["zeta"], ["acc", "The same: accuracy01."]],
    );
    assert.deepEqual(left, []);
    assert.equal(rateFigure([run])?.title, "Learning rate");
  });

  test("of hundreds the first have charts, the others are told by name", () => {
    const many = (i: number) => Object.fromEntries(Array.from({ length: 300 }, (_, k) => [`m${k}`, i + k]));
    const { figures, left } = metricFigures([read({ stages: [["s", epochs(2, many)]] })]);
    assert.deepEqual([figures.length, left.length, left[0]], [24, 276, "m24"]);
  });

  test("several runs lie over each other, by run and loader, and shared stages stay", () => {
    const run = (k: number, stage: string) =>
      read({
        stages: [[stage, epochs(3 + k, (i) => ({ loss: i * k }))]],
        best: [stage, 2, "loss", "valid", 1],
      });
    const [same] = metricFigures([run(1, "a"), run(1, "a")]).figures;
    assert.equal(same.svg.text.match(/class="line" d="M[^"]*,/g)?.length, 4);
    assert.match(same.svg.text, /class="band"/);
    const [other] = metricFigures([run(1, "a"), run(2, "b")]).figures;
    assert.doesNotMatch(other.svg.text, /class="band"/);
    check(other);
    assert.equal(speedFigure([run(1, "a"), run(2, "b")])?.table.rows.length, 5);
  });

  test("of twenty runs those lines are drawn that judge them, and what is left out is said", () => {
    const runs = Array.from({ length: 20 }, () => read({ stages: [["s", epochs(2, (i) => ({ loss: i }))]] }));
    const [figure] = metricFigures(runs).figures;
    assert.deepEqual(figure.notes, ["28 lines left out: too many for one chart."]);
    assert.doesNotMatch(figure.table.head.join(), /train/);
  });
});

describe("by class", () => {
  test("each class has its marks; the words name the worst and the best", () => {
    const [figure, ...others] = classFigures(source(classMetrics(10)));
    check(figure);
    assert.equal(others.length, 0);
    assert.equal(figure.title, "Precision, recall and F1 by class (valid, epoch 3)");
    assert.equal(figure.svg.text.match(/class="mark c\d d0" /g)?.length, 30);
    assert.match(figure.description, /the worst is class 00 .* the best class 09 /);
    assert.deepEqual(figure.table.head, ["class", "precision", "recall", "F1", "support"]);
  });

  test("of a thousand classes the worst and the best twenty are drawn, and that is said; NaN is the worst", () => {
    const [figure] = classFigures(source({ ...classMetrics(1000), "f1/class_500": Number.NaN }));
    check(figure);
    assert.equal(figure.table.rows.length, 40);
    assert.equal(figure.table.rows[0][0], "500");
    assert.equal(figure.table.rows[39][0], "999");
    assert.match(figure.svg.text, />960 classes between</);
    assert.match(
      figure.notes[0],
      /^The 20 worst and the 20 best of 1,000 classes by F1; valid\.csv has all\.$/,
    );
  });

  test("one class, one metric, no finite number, several outputs", () => {
    for (const figure of classFigures(source(classMetrics(1)))) check(figure);
    const [nan] = classFigures(source({ "recall/class_a": Number.NaN }));
    check(nan);
    assert.match(nan.svg.text, />no finite value</);
    const names = classFigures(source({ "left/f1/class_0": 1, "right/f1/class_0": 0 })).map(
      ({ title }) => title,
    );
    assert.deepEqual(names, ["left: F1 by class (valid, epoch 3)", "right: F1 by class (valid, epoch 3)"]);
    assert.deepEqual(classFigures(source({ "support/class_00": 5, loss: 1 })), []);
  });
});

describe("confusion", () => {
  test("few classes make a matrix with its counts; what is right and what is wrong differ", () => {
    const [figure] = confusionFigures(source(classMetrics(3, true)));
    check(figure);
    assert.equal(figure.svg.text.match(/class="cell right"/g)?.length, 3);
    assert.equal(figure.svg.text.match(/class="cell wrong"/g)?.length, 6);
    assert.match(figure.svg.text, /<title>01 taken for 00: 2<\/title>/);
    assert.deepEqual(figure.table.rows[1], ["01", "2", "91", "3"]);
    assert.match(figure.description, /^3 classes; 273 of \d+ samples are right\. Most often confused: /);
  });

  test("many classes make the list of the most frequent confusions, with their shares", () => {
    const metrics = { ...classMetrics(30, true), "confusion_matrix/target_07_as_21": 310 };
    const [figure] = confusionFigures(source(metrics));
    check(figure);
    const [first] = figure.table.rows;
    assert.deepEqual(first.slice(0, 3), ["07", "21", "310"]);
    assert.match(first[3], /^\d[\d.]* %$/);
    assert.equal(figure.table.rows.length, 20);
  });

  test("a matrix of zeros, of one class, or with NaN is drawn", () => {
    const zeros = { "confusion_matrix/target_0_as_0": 0 };
    const odd = { "confusion_matrix/target_0_as_1": Number.NaN, "confusion_matrix/target_0_as_0": 1 };
    for (const metrics of [zeros, odd, classMetrics(1, true), classMetrics(24, true)]) {
      for (const figure of confusionFigures(source(metrics))) check(figure);
    }
  });
});

test("the time of a stage is that of its loaders and the rest", () => {
  const run = read({
    stages: [
      ["a", epochs(3, () => ({}))],
      ["b", epochs(1, () => ({}), ["train"])],
    ],
  });
  const figure = stageTimes(run);
  assert.ok(figure);
  check(figure);
  assert.deepEqual(figure.table.rows, [
    ["a", "3", "6.0 s", "6.0 s", "3.0 s", "15.0 s"],
    ["b", "1", "2.0 s", "0.0 s", "3.0 s", "5.0 s"],
  ]);
  assert.equal(stageTimes(read({ stages: [] })), null);
});

describe("thinning", () => {
  const points = (values: readonly number[]): Point[] => values.map((y, i) => ({ x: i + 1, y }));

  test("no peak and no gap is lost, and order is kept", () => {
    const value = fc.oneof({ weight: 20, arbitrary: fc.double({ noNaN: true }) }, fc.constant(Number.NaN));
    fc.assert(
      fc.property(fc.array(value, { minLength: 50, maxLength: 400 }), (values) => {
        const all = points(values);
        const kept = thin(all, 10);
        const finite = (list: readonly Point[]) => list.map(({ y }) => y).filter(Number.isFinite);
        assert.ok(kept.length <= 50);
        assert.equal(Math.max(...finite(kept)), Math.max(...finite(all)));
        assert.equal(Math.min(...finite(kept)), Math.min(...finite(all)));
        assert.deepEqual(
          kept,
          [...kept].sort((a, b) => a.x - b.x),
        );
        assert.equal(
          kept.some(({ y }) => Number.isNaN(y)),
          values.some(Number.isNaN),
        );
      }),
    );
  });

  test("few points stay as they are; rows keep the first, the last and the marked", () => {
    assert.deepEqual(thin(points([1, 2, 3]), 10), points([1, 2, 3]));
    const rows = evenly(1000, 100, [333]);
    assert.deepEqual([rows[0], rows.at(-1), rows.includes(333)], [0, 999, true]);
    assert.ok(rows.length <= 101);
  });
});
