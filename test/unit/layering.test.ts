// The house rules of ARCHITECTURE.md: which folder may import which (and no more than it does), no cycles, type-only
// imports included, and one home for each foreign package.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const src = resolve(dirname(fileURLToPath(import.meta.url)), "../../src");

/** folder -> folders and files it may import at run time or for types. The files beside the folders stand for themselves. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "engine facts": [],
  core: ["engine facts"],
  allreduce: ["core"],
  sampler: ["core"],
  checkpoint: ["core"],
  engine: ["engine facts", "core"],
  metrics: ["core"],
  losses: ["core", "engine", "metrics"],
  loggers: ["core"],
  data: ["core", "sampler"],
  callbacks: ["core", "metrics", "checkpoint"],
  recipes: ["index.ts"],
  worker: ["core", "allreduce", "checkpoint", "engine facts", "engine", "losses", "loggers", "recipes"],
  // The built-in recipe's rows are plain data.
  launcher: ["core", "engine facts", "report", "recipes/mnist-options.ts"],
  "index.ts": ["core", "sampler", "engine", "metrics", "losses", "loggers", "data", "callbacks"],
  report: ["core"],
  "launch.ts": ["core", "launcher"],
};

/** foreign package -> the only places that may import it at run time. */
const ONLY_IN: Readonly<Record<string, readonly string[]>> = {
  zeromq: ["allreduce/transport/zmq.ts", "allreduce/transport/zmq-peer.ts"],
  msgpackr: ["allreduce"],
  "@tensorflow/tfjs-backend-wasm": ["engine"],
  "@tensorflow/tfjs-backend-cpu": ["engine"],
  "@tensorflow/tfjs-node-gpu": ["engine"],
  "@tensorflow/tfjs-core": ["engine", "data"],
  "@tensorflow/tfjs-layers": ["engine"],
  commander: ["launcher/commands/parser.ts"],
  winston: ["core/process-log.ts"],
  "cli-progress": ["callbacks/progress.ts"],
  "d3-array": ["report"],
  "d3-scale": ["report"],
  "d3-shape": ["report"],
  esbuild: ["worker/stage/recipe-hooks.ts"],
};

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const imports = new Map(files.map((file) => [file, importsOf(readFileSync(join(src, file), "utf8"))]));

function importsOf(source: string): Import[] {
  const found: Import[] = [];
  const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm;
  for (const [, type, specifier] of source.matchAll(statement))
    found.push({ specifier, typeOnly: Boolean(type) });
  for (const [, specifier] of source.matchAll(/\bimport\("([^"]+)"\)/g))
    found.push({ specifier, typeOnly: false });
  return found;
}

/** What can be told of engines without loading them: plain data below everything else. */
const ENGINE_FACTS = /^engine\/((engines|facts|nvidia)|[\w-]+\/facts)\.ts$/;

function folderOf(file: string): string {
  if (ENGINE_FACTS.test(file)) return "engine facts";
  return file.split("/")[0];
}

function target(file: string, specifier: string): string {
  return relative(src, resolve(src, dirname(file), specifier)).replace(/\.js$/, ".ts");
}

test("every file is found and has a folder with a row in the table", () => {
  assert.ok(files.length > 40, `only ${files.length} files found`);
  for (const file of files) assert.ok(MAY_IMPORT[folderOf(file)], `${file}: its folder has no row`);
});

test("folders import only what the table allows", () => {
  for (const [file, list] of imports) {
    for (const { specifier } of list.filter((entry) => entry.specifier.startsWith("."))) {
      const [from, path] = [folderOf(file), target(file, specifier)];
      const to = folderOf(path);
      const allowed = from === to || MAY_IMPORT[from].includes(to) || MAY_IMPORT[from].includes(path);
      assert.ok(
        allowed,
        `${file} imports ${specifier}: ${from} may import only ${MAY_IMPORT[from].join(", ")}`,
      );
    }
  }
});

test("a foreign package is imported only in its home", () => {
  for (const [file, list] of imports) {
    for (const { specifier, typeOnly } of list) {
      if (typeOnly || specifier.startsWith(".") || specifier.startsWith("node:")) continue;
      const homes = ONLY_IN[specifier];
      assert.ok(homes, `${file} imports ${specifier}, which has no row in the table of packages`);
      assert.ok(
        homes.some((home) => file === home || file.startsWith(`${home}/`)),
        `${file} imports ${specifier}, whose home is ${homes.join(", ")}`,
      );
    }
  }
});

test("what is told of engines without loading them loads nothing", () => {
  const facts = files.filter((file) => ENGINE_FACTS.test(file));
  assert.ok(facts.length >= 7, `only ${facts}`);
  for (const file of facts) {
    for (const { specifier } of imports.get(file) ?? [])
      assert.ok(specifier.startsWith("."), `${file} imports ${specifier}`);
  }
});

test("the table allows only what is used", () => {
  const used = new Set<string>();
  for (const [file, list] of imports) {
    for (const { specifier } of list.filter((entry) => entry.specifier.startsWith("."))) {
      const to = target(file, specifier);
      used.add(`${folderOf(file)} ${folderOf(to)}`).add(`${folderOf(file)} ${to}`);
    }
  }
  const idle = Object.entries(MAY_IMPORT).flatMap(([from, list]) =>
    list.filter((to) => !used.has(`${from} ${to}`)).map((to) => `${from} -> ${to}`),
  );
  assert.deepEqual(idle, []);
});

test("no file imports itself by way of others, not for types either", () => {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const cycle = path.indexOf(file);
    assert.equal(cycle, -1, `cycle: ${[...path.slice(cycle), file].join(" -> ")}`);
    if (done.has(file)) return;
    path.push(file);
    for (const { specifier } of imports.get(file) ?? []) {
      if (specifier.startsWith(".")) visit(target(file, specifier));
    }
    path.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
});
