// config.json as hostile input: it is read back exactly, and anything else is refused with the field's name.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { readGiven } from "../../../src/core/options/read.js";
import { defineOptions } from "../../../src/core/options/recipe-options.js";
import { OPTIONS } from "../../../src/core/options/table.js";
import type { TrainOptions } from "../../../src/core/options/train-options.js";
import { singleNode } from "../../../src/core/topology.js";
import { newConfig, readConfig, resumedConfig } from "../../../src/launcher/run-folder/config-file.js";
import { MNIST_OPTIONS } from "../../../src/recipes/mnist-options.js";

const folder = mkdtempSync(join(tmpdir(), "config-"));
const path = join(folder, "config.json");
after(() => rmSync(folder, { recursive: true }));

const given = { stages: "freezed", seed: 2 ** 32 - 1, checkpointEvery: 100, onNan: "skip", wire: "fp16" };
const options: TrainOptions = {
  ...readGiven(OPTIONS, given, {}),
  workers: 2,
  logdir: folder,
  dataset: "digits",
  dataDir: "/data",
};
const engine = {
  engine: "wasm",
  description: "wasm (tfjs)",
  skipped: [{ engine: "cuda", reason: "no GPU" }],
} as const;
const prepared = {
  recipe: "mine",
  stages: ["freezed"],
  source: null,
  data: { sha256: { train: "ab" }, count: 5 },
};
const config = newConfig(options, singleNode(2), engine, prepared, new Date(0)) as Record<string, unknown>;

function refused(content: string | object, message: string | RegExp): void {
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  assert.throws(
    () => readConfig(folder),
    (error: Error) => {
      assert.equal(error.name, "UsageError");
      assert.ok(error.message.startsWith(`${path}: `), error.message);
      const rest = error.message.slice(path.length + 2);
      if (typeof message === "string") assert.equal(rest, message);
      else assert.match(rest, message);
      return true;
    },
  );
}

/** The configuration with one field changed; undefined leaves it out. */
function changed(place: string, value: unknown): object {
  const copy = structuredClone(config);
  const keys = place.split(".");
  const parent = keys.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, copy);
  parent[keys.at(-1)!] = value;
  return copy;
}

test("what was written is read back", () => {
  writeFileSync(path, JSON.stringify(config));
  const read = readConfig(folder);
  assert.deepEqual({ ...read.options, ...read.own(MNIST_OPTIONS) }, options);
  assert.equal(read.engine, "wasm");
  assert.equal(read.worldSize, 2);
  assert.deepEqual([read.recipe, read.stages, read.data], ["mine", ["freezed"], prepared.data]);

  const entry = { time: new Date(1), from: null, worldSize: 5, engine: "cpu" } as const;
  writeFileSync(path, JSON.stringify(resumedConfig(read, entry)));
  const again = readConfig(folder);
  assert.equal(again.worldSize, 5);
  assert.deepEqual(again.options, read.options);
  assert.equal((again.content.resumed as object[]).length, 1);
});

test("a recipe's own options are checked once its rows are known", () => {
  const rows = defineOptions({
    layers: { help: "hidden layers", kind: { type: "whole", least: 1, most: 9 }, default: 3 },
    lossName: { help: "which loss", kind: { type: "text" }, default: null },
  });
  const { dataset, dataDir, ...trainer } = options;
  const mine = { ...trainer, recipe: "/recipes/mine.ts", layers: 4, lossName: null };
  const written = newConfig(mine, singleNode(2), engine, prepared, new Date(0)) as {
    options: Record<string, unknown>;
  };
  const read = (changes: object) => {
    writeFileSync(path, JSON.stringify({ ...written, options: { ...written.options, ...changes } }));
    return readConfig(folder);
  };
  assert.deepEqual(read({}).own(rows), { layers: 4, lossName: null });
  const refusal = (changes: object, message: string) => {
    assert.throws(() => read(changes).own(rows), { name: "UsageError", message: `${path}: ${message}` });
  };
  refusal({ layers: 10 }, "options.layers wants a whole number from 1 to 9, got 10");
  refusal({ loss_name: undefined }, "options.loss_name wants a text or null, got nothing");
  refusal({ units: 3 }, "options.units is not a field of it");
  assert.throws(() => read({ seed: -1 }), /options\.seed wants/);
});

test("every field is checked by name", () => {
  const wrong: readonly (readonly [string, unknown])[] = [
    ...[0, 1025, 1.5, -1, "2", null, 1e300].map((value) => ["options.workers", value] as const),
    ...["gpu", "", null, ["auto"]].map((value) => ["options.device", value] as const),
    ...["freezed", [""], [1], {}].map((value) => ["options.stages", value] as const),
    ...["mine.ts", "../mine.ts", 1, "/a\0b"].map((value) => ["options.recipe", value] as const),
    ...[0, "1", false].map((value) => ["options.epochs", value] as const),
    ["options.batch_size", 0],
    ["options.dataset", "cifar"],
    ["options.data_dir", "data"],
    ["options.init_from", "x"],
    ["options.logdir", null],
    ["options.overwrite", 1],
    ["options.seed", 2 ** 32],
    ["options.verbosity", "loud"],
    ["options.progress", "yes"],
    ["options.timeout_seconds", 0],
    ["options.timeout_seconds", 700_000],
    ["options.wire", "int8"],
    ["options.bucket_mb", 0],
    ["options.checkpoint_every", 0],
    ["options.on_nan", "ignore"],
    ["options.max_restarts", -1],
    ["world_size", 0],
    ["engine.engine", "tpu"],
    ["engine", null],
    ["engine.skipped", [{}]],
    ["stages", "freezed"],
    ["versions", []],
    ["versions", { node: 20 }],
    ["resumed", {}],
    ["resumed", [{}]],
    ["resumed", [{ time: "t", from: null, versions: {}, world_size: 1e9, engine: "wasm" }]],
    ["options", []],
  ];
  for (const [place, value] of wrong) {
    refused(changed(place, value), new RegExp(`^${place}\\S* wants .*, got `));
  }
  refused(
    changed("options.batch_size", "16"),
    'options.batch_size wants a whole number from 1 to 4294967295, got "16"',
  );
  refused(changed("options.seed", undefined), /^options\.seed wants a whole number .*, got nothing$/);
  refused(changed("data", undefined), "data wants a value, got nothing");
  refused(changed("options.batchSize", 32), "options.batchSize is not a field of it");
  refused(changed("extra", 1), "extra is not a field of it");
  refused(JSON.stringify(config).replace("{", '{"__proto__":{},'), "__proto__ is not a field of it");
});

test("a file that is none, is huge, nested or not JSON is refused quickly", () => {
  for (const content of ["", "{", "null", "[]", "7", JSON.stringify(config).slice(0, -1)])
    refused(content, /./);
  refused(`{"data":${"[".repeat(4e5)}${"]".repeat(4e5)}}`, /./);
  writeFileSync(path, "");
  truncateSync(path, 2 ** 40);
  assert.throws(() => readConfig(folder), /has 1099511627776 bytes, far more than a run writes$/);
  rmSync(path);
  mkdirSync(path);
  assert.throws(() => readConfig(folder), /config\.json: is not a file$/);
  rmSync(path, { recursive: true });
  execFileSync("mkfifo", [path]);
  assert.throws(() => readConfig(folder), /config\.json: is not a file$/);
  rmSync(path);
});

test("what a message quotes is short and obeyed by no terminal", () => {
  refused(changed("options.device", `\u001b[2J${"x".repeat(5000)}`), /^[ -~…]{1,300}$/);
});

test("any value anywhere gives the configuration or a UsageError", () => {
  const places = [
    ...Object.keys(config),
    ...Object.keys(config.options as object).map((key) => `options.${key}`),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.jsonValue(), (place, value) => {
      writeFileSync(path, JSON.stringify(changed(place, value)));
      try {
        readConfig(folder);
      } catch (error) {
        assert.equal((error as Error).name, "UsageError");
      }
    }),
    { numRuns: 500 },
  );
});
