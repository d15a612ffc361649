// The reader of a run's config.json and summary.json, from which a resumed run takes its options.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { storedRules } from "../../src/core/options/read.js";
import { OPTIONS } from "../../src/core/options/table.js";
import type { TrainOptions } from "../../src/core/options/train-options.js";
import { singleNode } from "../../src/core/topology.js";
import { resolveOptions, resolveOwn } from "../../src/launcher/options/resolve.js";
import { newConfig, readConfig, resumedConfig } from "../../src/launcher/run-folder/config-file.js";
import { readEarlierRun } from "../../src/launcher/run-folder/resume.js";
import { MNIST_OPTIONS } from "../../src/recipes/mnist-options.js";
import { awkwardNumbers, damaged, replaceValue, utf8 } from "./bytes.js";
import type { Target } from "./target.js";

const given = {
  workers: 2,
  stages: "freezed",
  dataDir: "/data",
  logdir: "/logs/x",
  checkpointEvery: 10,
  maxRestarts: 1,
};
const { gpusAsked: _, ...trainer } = resolveOptions(given, {});
const own = resolveOwn(MNIST_OPTIONS, given, {});
// Workers and log folder are given, so that nothing is open.
const options = { ...trainer, ...own } as unknown as TrainOptions;
const engine = {
  engine: "wasm",
  description: "wasm",
  skipped: [{ engine: "cuda", reason: "none" }],
} as const;
const prepared = {
  recipe: "mnist",
  stages: ["freezed"],
  source: "ab12",
  data: { dataset: "mnist", sha256: { a: "00" } },
};
const config = JSON.stringify(newConfig(options, singleNode(2), engine, prepared, new Date(0)));
const summary = JSON.stringify({
  ...{ status: "failed", error: "x", recipe: "mnist", dataset: "mnist", engine: "wasm", world_size: 2 },
  ...{ restarts: 0, wall_seconds: 1.5, stages: [], best: null, last: null, weights_sha256: null },
});

const value = fc.oneof(
  fc.jsonValue().map((some) => JSON.stringify(some)),
  fc
    .constantFrom(...awkwardNumbers, -1, "../x", "/x\0", "", "x".repeat(5000))
    .map((some) => JSON.stringify(some)),
  fc.constantFrom("1e999", "[[[[[", '{"__proto__":{}}', "}", `${"[".repeat(5000)}${"]".repeat(5000)}`),
);
const around = (json: string) =>
  fc.oneof(
    { weight: 4, arbitrary: damaged([utf8(json)], 2) },
    {
      weight: 4,
      arbitrary: fc.tuple(fc.nat({ max: 80 }), value).map(([at, some]) => utf8(replaceValue(json, at, some))),
    },
    { weight: 1, arbitrary: fc.json().map(utf8) },
  );

/** The readers want files: a folder for each thread, in memory where there is a place for that. */
const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const folder = mkdtempSync(join(parent, "ddp-fuzz-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const [CONFIG, SUMMARY] = [0, 1];
const whole = [config, summary];
const files = ["config.json", "summary.json"].map((name) => join(folder, name));

export const configFile: Target = {
  name: "config",
  /** The first byte says which of the two files it is. */
  inputs: fc.oneof(
    around(config).map((bytes) => Uint8Array.of(CONFIG, ...bytes)),
    around(summary).map((bytes) => Uint8Array.of(SUMMARY, ...bytes)),
  ),
  names: /\/ddp-fuzz-\w+/,
  read(input) {
    const which = input[0] === SUMMARY ? SUMMARY : CONFIG;
    writeFileSync(files[which], input.subarray(1));
    writeFileSync(files[1 - which], whole[1 - which]);
    const read = readConfig(folder);
    assert.ok(["wasm", "cuda", "native", "cpu"].includes(read.engine));
    assert.ok(Number.isSafeInteger(read.worldSize) && read.worldSize > 0, `${read.worldSize}`);
    const all: Record<string, unknown> = {
      ...read.options,
      ...(read.options.recipe === null ? read.own(MNIST_OPTIONS) : own),
    };
    for (const [name, { fits, wanted }] of storedRules({ ...OPTIONS, ...MNIST_OPTIONS })) {
      assert.ok(fits(all[name]), `${name} is ${all[name]}, not ${wanted}`);
    }
    assert.deepEqual(Object.keys(all).sort(), Object.keys(options).sort());
    const now = { time: new Date(0), from: null, worldSize: 2, engine: "wasm" } as const;
    JSON.stringify(resumedConfig(read, now));
    const earlier = readEarlierRun(folder);
    assert.ok(earlier.wallSeconds >= 0 && Number.isSafeInteger(earlier.restarts));
    return true;
  },
};
