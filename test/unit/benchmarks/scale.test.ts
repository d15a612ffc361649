// The cost model of docs/scaling.md: its formulas against counting, its fit, its limits, and its picture.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type Costs,
  fitRing,
  fitTwo,
  halvingDoubling,
  type Measurement,
  ourRing,
  recursiveDoubling,
  relativeError,
  ring,
  seconds,
  WHOLE_BYTES,
} from "../../../benchmarks/scale/cost-model.js";
import { logLogPlot } from "../../../benchmarks/scale/plot.js";
import { crossover, efficiency, hierarchical } from "../../../benchmarks/scale/predict.js";
import { FIT_RANKS, FIT_SIZES, type Measured, report } from "../../../benchmarks/scale/report.js";
import { chunkRange, chunkSent, phaseSteps } from "../../../src/allreduce/algorithms/chunks.js";
import { WHOLE_BYTES as RING_WHOLE_BYTES } from "../../../src/allreduce/algorithms/ring.js";

const NATIVE: Costs = { alpha: 20e-6, beta: 0, link: 1e9, coresPerRank: 1 };

describe("the work of an all-reduce", () => {
  test("of our ring is what its own chunk table says", () => {
    assert.equal(WHOLE_BYTES, RING_WHOLE_BYTES);
    for (const ranks of [1, 2, 3, 4, 8]) {
      const length = 840_000;
      let [hops, values] = [0, 0];
      for (let step = 0; step < 2 * phaseSteps(ranks); step++) {
        const { start, end } = chunkRange(length, ranks, chunkSent(0, step, ranks));
        hops++;
        values += end - start;
      }
      assert.deepEqual(ourRing(ranks, 4 * length), { hops, bytes: 4 * values });
    }
  });

  test("up to 32 KB is every other rank's array", () => {
    assert.deepEqual(ourRing(4, 1000), { hops: 3, bytes: 3000 });
    assert.deepEqual(ourRing(1, 1000), { hops: 0, bytes: 0 });
  });

  test("halving and doubling sends as little as the ring in fewer hops, recursive doubling more in fewer still", () => {
    assert.deepEqual(halvingDoubling(8, 800), { hops: 6, bytes: ring(8, 800).bytes });
    assert.deepEqual(recursiveDoubling(8, 800), { hops: 3, bytes: 2400 });
    // No algorithm sends less than nearly twice the array, and the ring no more.
    assert.ok(ring(512, 1e6).bytes < 2e6 && ring(512, 1e6).bytes > 1.99e6);
  });
});

describe("the fit", () => {
  const truth = { alpha: 120e-6, beta: 2e-9 };
  const cores = 2;
  const measurements = (factor: (i: number) => number): Measurement[] =>
    FIT_RANKS.flatMap((ranks) =>
      FIT_SIZES.map((bytes, i) => ({
        ranks,
        bytes,
        seconds:
          factor(i) *
          seconds(ourRing(ranks, bytes), {
            ...truth,
            link: Number.POSITIVE_INFINITY,
            coresPerRank: cores / ranks,
          }),
      })),
    );

  test("finds the numbers that made the measurements", () => {
    const { alpha, beta } = fitRing(
      measurements(() => 1),
      cores,
    );
    assert.ok(Math.abs(alpha / truth.alpha - 1) < 1e-9 && Math.abs(beta / truth.beta - 1) < 1e-9);
  });

  test("comes near them through noise, and its error says how near", () => {
    const costs = {
      ...fitRing(
        measurements((i) => (i % 2 ? 1.1 : 0.9)),
        cores,
      ),
      link: Number.POSITIVE_INFINITY,
    };
    assert.ok(Math.abs(costs.alpha / truth.alpha - 1) < 0.15 && Math.abs(costs.beta / truth.beta - 1) < 0.15);
    for (const exact of measurements(() => 1)) assert.ok(Math.abs(relativeError(exact, costs, cores)) < 0.15);
    const slow = measurements(() => 2);
    for (const each of slow) assert.ok(relativeError(each, costs, cores) < -0.4);
  });

  test("gives no negative number, and wants two measurements", () => {
    assert.deepEqual(
      fitTwo([
        { x: 1, y: 1, value: 1 },
        { x: 1, y: 2, value: 0.5 },
      ]).filter((value) => value < 0),
      [],
    );
    assert.throws(() => fitTwo([{ x: 1, y: 1, value: 1 }]), RangeError);
  });
});

describe("a prediction", () => {
  test("of one rank is nothing, and the slower of link and core decides", () => {
    assert.equal(seconds(ring(1, 1e6), NATIVE), 0);
    const work = { hops: 0, bytes: 1e9 };
    assert.equal(seconds(work, NATIVE), 1);
    assert.equal(seconds(work, { ...NATIVE, beta: 2e-9 }), 2);
    assert.equal(seconds(work, { ...NATIVE, beta: 2e-9, coresPerRank: 0.5 }), 4);
  });

  test("crosses where both ways cost the same", () => {
    for (const ranks of [8, 64, 512]) {
      const bytes = crossover(ranks, NATIVE);
      const [few, many] = [recursiveDoubling(ranks, bytes), halvingDoubling(ranks, bytes)];
      assert.ok(Math.abs(seconds(few, NATIVE) / seconds(many, NATIVE) - 1) < 1e-9);
    }
    assert.equal(crossover(2, NATIVE), Number.POSITIVE_INFINITY);
  });

  test("of one node has nothing on the network, and what is hidden costs nothing", () => {
    assert.equal(hierarchical(8, 1e9, NATIVE, 1e9), 1.75);
    assert.equal(efficiency(1, 1, 0), 0.5);
    assert.equal(efficiency(1, 1, 0.5), 1 / 1.5);
    assert.equal(efficiency(1, 1, 2), 1);
  });
});

test("the report has every part, also without namespaces and training steps", () => {
  const runs = [2, 3, 4].flatMap((ranks) =>
    [...FIT_SIZES, 1_000_000].map((bytes) => ({ ranks, bytes, seconds: ranks * (1e-4 + bytes * 1e-9) })),
  );
  const steps = new Map([1, 2, 3, 4].map((workers) => [workers, { freezed: workers * 1e-3 }]));
  const full: Measured = {
    ...{ cores: 2, memory: runs, zmq: runs, steps },
    tcp: [
      { mbits: null, runs },
      { mbits: 100, runs },
    ],
  };
  const text = report(full, 100);
  for (const part of ["alpha = ", "links of 100 Mbit/s", "3 (held out)", "512 GPUs, 1.4 GB"]) {
    assert.ok(text.includes(part), part);
  }
  assert.doesNotMatch(text, /NaN|undefined|Infinity/);
  const bare = report({ ...full, tcp: [], steps: new Map() }, 100);
  assert.match(bare, /Unix sockets, for want of namespaces/);
  assert.doesNotMatch(bare, /NaN|undefined|Infinity|Training step/);
});

test("the picture is well-formed and shows each point", () => {
  const svg = logLogPlot(
    [
      {
        name: "a < b & c",
        color: "red",
        points: [
          [1e3, 1e-4],
          [1e6, 1e-2],
        ],
        curve: (x) => x * 1e-8,
      },
    ],
    "title",
    { xText: "x", yText: "y", xTick: String, yTick: String },
  );
  assert.match(svg, /^<svg [^>]+>\n[\s\S]+<\/svg>\n$/);
  assert.equal(svg.match(/<circle /g)?.length, 3);
  assert.match(svg, /<title>title<\/title>/);
  assert.match(svg, /a &lt; b &amp; c/);
  assert.doesNotMatch(svg, /NaN|undefined/);
});

test("a bad option is one line and exit 2", () => {
  const program = fileURLToPath(new URL("../../../benchmarks/scale-model.ts", import.meta.url));
  for (const [args, line] of [
    [["--ranks", "2,x"], /whole number/],
    [["--ranks", "2,8"], /^scale-model: --ranks must hold 2 and 4, which the model is fitted on\n$/],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", program, ...args], {
      encoding: "utf8",
    });
    assert.equal(status, 2, stderr);
    assert.match(stderr, line);
  }
});
