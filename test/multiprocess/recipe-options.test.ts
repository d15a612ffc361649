// A recipe's own options with the built command: typed, checked, kept, resumed and shown; and the launcher learns them
// from another process.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ddpTrain, readSummary, root } from "../support/cli.js";

const recipe = join(root, "test/fixtures/options-recipe.ts");
const folder = mkdtempSync(join(tmpdir(), "recipe-options-"));
after(() => rmSync(folder, { recursive: true }));

const optionsOf = (logdir: string) =>
  (JSON.parse(readFileSync(join(logdir, "config.json"), "utf8")) as { options: Record<string, unknown> })
    .options;

test("values reach the recipe and its prepareData, and are kept; a resumed run goes on with them", async () => {
  const logdir = join(folder, "run");
  const start = ["--recipe", recipe, "--logdir", logdir, "--units", "8", "--epochs", "1", "--device", "cpu"];
  const first = await ddpTrain([...start, "--workers", "2", "--quiet"]);
  assert.equal(first.code, 0, first.stderr);
  const { units, loss_name, note_to_self, dataset } = optionsOf(logdir);
  assert.deepEqual([units, loss_name, note_to_self, dataset], [8, "mse", null, undefined]);
  const config = JSON.parse(readFileSync(join(logdir, "config.json"), "utf8"));
  assert.deepEqual(config.data, { units: 8, lossName: "mse", noteToSelf: null, seed: 42 });
  assert.ok(readFileSync(join(logdir, "checkpoints/last.safetensors")).includes("hidden8/kernel"));

  // As if it had been interrupted after its last epoch.
  const summary = JSON.stringify({ ...readSummary(logdir), status: "interrupted" });
  writeFileSync(join(logdir, "summary.json"), summary);
  const refused = await ddpTrain(["--resume", logdir, "--recipe", recipe, "--units", "8"]);
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /^ddp-train: a resumed run goes on with its own options: leave --units out\n$/,
  );
  const anew = ["--resume", logdir, "--recipe", recipe, "--note-to-self", "hello", "--quiet"];
  const resumed = await ddpTrain(anew);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.equal(readSummary(logdir).weights_sha256, JSON.parse(summary).weights_sha256);
});

test("what is wrong is told in one line, and nothing is written", async () => {
  const clash = join(folder, "clash.mjs");
  writeFileSync(
    clash,
    `import { Recipe } from "ddp-train";
    export default class extends Recipe { static options = { seed: { help: "s", kind: { type: "text" }, default: "x" } } }`,
  );
  const leaving = join(folder, "leaving.mjs");
  writeFileSync(leaving, "process.exit(3);");
  const mistakes: readonly (readonly [string, string[], RegExp])[] = [
    [
      recipe,
      ["--unit", "3"],
      /^ddp-train: unknown option '--unit' \(Did you mean --units\?\); see ddp-train --help$/,
    ],
    [recipe, ["--units", "65"], /^ddp-train: --units wants a whole number of at most 64, got "65"$/],
    [recipe, ["--dataset", "digits"], /^ddp-train: unknown option '--dataset'; see ddp-train --help$/],
    [clash, [], /^ddp-train: the recipe's option "seed" has a name of the trainer's: give it another$/],
    [leaving, [], /^ddp-train: the recipe \S+leaving\.mjs does not load: the probe ended with code 3$/],
    [
      leaving,
      ["--layers", "3"],
      /^ddp-train: the recipe \S+leaving\.mjs does not load: the probe ended with code 3$/,
    ],
  ];
  await Promise.all(
    mistakes.map(async ([file, args, message], i) => {
      const logdir = join(folder, `none-${i}`);
      const { code, stderr } = await ddpTrain(["--recipe", file, "--logdir", logdir, ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr.trimEnd(), message);
      assert.ok(!existsSync(logdir));
    }),
  );
});

test("help with a recipe shows its options under its name; one without options has the built-in recipe's", async () => {
  const [own, plain] = await Promise.all([
    ddpTrain(["train", "--recipe", recipe, "--help"]),
    ddpTrain(["--recipe", join(root, "examples/regression.ts"), "--help"]),
  ]);
  assert.equal(own.code, 0, own.stderr);
  assert.match(
    own.stdout,
    /\nRecipe options-recipe:\n {2}--units <n> {2,}units of the hidden layer \(default: 4\)\n/,
  );
  assert.doesNotMatch(own.stdout, /^ {2}--dataset/m);
  assert.match(plain.stdout, /\nRecipe regression:\n {2}--dataset <d> /);
});

test("programs import ddp-train/launch; what recipes import starts nothing", async () => {
  const [api, program] = await Promise.all([import("ddp-train"), import("ddp-train/launch")]);
  assert.ok("Recipe" in api && !("launch" in api) && !("Interrupted" in api));
  assert.deepEqual(Object.keys(program).sort(), ["Interrupted", "RunError", "UsageError", "launch"]);
  // Types: the built-in recipe's options are known, another's are named, and what is neither does not compile.
  const { launch } = program;
  const refused = { name: "UsageError", message: /^--epochs wants/ };
  await assert.rejects(launch({ dataset: "digits", epochs: 0 }), refused);
  await assert.rejects(launch<{ units: number }>({ recipe, units: 4, epochs: 0 }), refused);
  // @ts-expect-error
  await assert.rejects(launch({ units: 4 }), { name: "UsageError", message: /^unknown option '--units'/ });
});
