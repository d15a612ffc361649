// The package as a user gets it: packed, installed into an empty project, and run there by npx with recipes of that
// project's own, as an ES module, in a CommonJS project, and in TypeScript that the project's own compiler checks.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { LoaderSummary } from "../../src/core/summary.js";
import { readSummary, root } from "../support/cli.js";
import { lineRecipe, SIZE } from "../support/line-recipe.js";

const INSTALL_SECONDS = 120;
/** What npm says when there is no registry to ask. */
const NO_REGISTRY = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|network/;

const work = mkdtempSync(join(tmpdir(), "ddp-package-"));
after(() => rmSync(work, { recursive: true, force: true }));
const { version, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** Runs a command in a folder, without what npm tells the scripts that it runs. */
function run(folder: string, command: string, args: readonly string[], seconds = 60) {
  const outer = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_"));
  const env = { ...Object.fromEntries(outer), NO_COLOR: "1", npm_config_update_notifier: "false" };
  return promisify(execFile)(command, args, { cwd: folder, env, timeout: seconds * 1000 });
}

/** Fills the project; false when no registry can be reached. */
async function install(project: string): Promise<boolean> {
  // Without scripts, which would build once more what the tests before this one have built.
  const pack = ["pack", "--ignore-scripts", "--pack-destination", work];
  const { stdout } = await run(root, "npm", pack);
  const tarball = join(work, stdout.trim().split("\n").at(-1)!);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true }));
  // Scripts are the native package's, which would download 400 MB that no test here uses.
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  const types = ["typescript", "@types/node"].map((name) => `${name}@${devDependencies[name]}`);
  try {
    await run(project, "npm", ["install", ...quiet, tarball, ...types], INSTALL_SECONDS);
    return true;
  } catch (error) {
    if (NO_REGISTRY.test(String((error as { stderr?: string }).stderr))) return false;
    throw error;
  }
}

describe("the packed package in an empty project", () => {
  const project = join(work, "project");
  let missing: string | undefined = existsSync(join(root, "dist/index.js"))
    ? undefined
    : "nothing is built: run npm run build";
  before(async () => {
    if (missing) throw new Error(missing);
    if (!(await install(project))) missing = "no package registry can be reached";
  });
  const installed = (name: string, body: () => Promise<void>) =>
    test(name, async (t) => {
      if (missing) t.skip(missing);
      else await body();
    });
  const ddpTrain = (...args: string[]) => run(project, "npx", ["--no-install", "ddp-train", ...args]);

  installed("npx ddp-train --version and --help answer", async () => {
    assert.equal((await ddpTrain("--version")).stdout, `${version}\n`);
    assert.match((await ddpTrain("--help")).stdout, /^Usage: ddp-train /);
  });

  installed("what it was built and tested with stays at home", () => {
    const package_ = join(project, "node_modules/ddp-train");
    for (const name of ["src", "test", "scripts", "benchmarks"]) {
      assert.ok(!existsSync(join(package_, name)), name);
    }
    for (const name of ["README.md", "LICENSE", "dist/engine/kernels.wasm", "dist/index.d.ts"]) {
      assert.ok(existsSync(join(package_, name)), name);
    }
    return Promise.resolve();
  });

  for (const [name, file, language, manifest] of [
    ["an ES module in a CommonJS project", "line.mjs", "js", {}],
    ["JavaScript in a CommonJS project", "line.js", "js", { type: "commonjs" }],
    ["JavaScript in a project without a type", "line.js", "js", {}],
    ["JavaScript in an ES module project", "line.js", "js", { type: "module" }],
    ["TypeScript in a CommonJS project", "line.ts", "ts", { type: "commonjs" }],
    ["TypeScript in an ES module project", "line.ts", "ts", { type: "module" }],
  ] as const) {
    installed(`npx ddp-train trains a recipe: ${name}`, async () => {
      const folder = mkdtempSync(join(project, "recipe-"));
      writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
      writeFileSync(join(folder, file), lineRecipe(language));
      if (language === "ts") writeFileSync(join(folder, "size.ts"), SIZE);
      const logdir = join(folder, "logs");
      const args = [
        "--recipe",
        join(folder, file),
        "--workers",
        "2",
        "--batch-size",
        "8",
        "--logdir",
        logdir,
      ];
      const { stderr } = await ddpTrain(...args);
      assert.equal(stderr, "");
      const { status, stages } = readSummary(logdir);
      assert.equal(status, "completed");
      const [first, second] = stages[0].epochs.map(({ train }) => (train as LoaderSummary).metrics.mse);
      assert.ok(second < first, `${first} -> ${second}`);
    });
  }

  installed("the project's own TypeScript knows the API and its types, strictly", async () => {
    const folder = mkdtempSync(join(project, "typed-"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(folder, "line.ts"), lineRecipe("ts"));
    writeFileSync(join(folder, "size.ts"), SIZE);
    writeFileSync(
      join(folder, "start.ts"),
      `import { launch, type LaunchOptions, type RunSummary, UsageError } from "ddp-train/launch";
const options: LaunchOptions = { workers: 1, recipe: "line.ts", logdir: "logs", quiet: true };
const summary: RunSummary = await launch(options);
// @ts-expect-error: a summary's hash is no number
const hash: number = summary.weights_sha256;
const refusal: unknown = await launch({ workers: 0 }).catch((error: unknown) => error);
console.log(summary.status, typeof hash, refusal instanceof UsageError);
`,
    );
    const strict = {
      module: "nodenext",
      target: "es2022",
      strict: true,
      exactOptionalPropertyTypes: true,
      verbatimModuleSyntax: true,
      types: ["node"],
      outDir: "out",
    };
    const config = { compilerOptions: strict, include: ["*.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const compiler = ["--no-install", "tsc", "-p", folder, "--pretty", "false"];
    const { stdout, stderr } = await run(project, "npx", compiler, 120).catch((error) => error);
    // tfjs's own declarations are faulty without skipLibCheck; with it, ours would go unchecked too.
    const complaints = String(stdout)
      .split("\n")
      .filter((line) => /^\S+\(\d+,\d+\): error/.test(line));
    const ours = complaints.filter((line) => !/^node_modules\/@(tensorflow|typescript|webgpu)\//.test(line));
    assert.deepEqual([ours, stderr], [[], ""]);
    const started = await run(folder, process.execPath, ["out/start.js"]);
    assert.equal(started.stdout, "completed string true\n");
  });
});
