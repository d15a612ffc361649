// The table of options: whatever is in it is everywhere. A row that is added to a copy of it shows that nothing else
// has to be written.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { commandLine, options as givenOptions } from "../../../scripts/fuzz/options.js";
import { MAX_TIMEOUT_SECONDS } from "../../../src/allreduce/group.js";
import { helpFlag, helpLine } from "../../../src/core/options/help.js";
import {
  readChosen,
  readGiven,
  refuseFixed,
  refuseUnknown,
  storedRules,
} from "../../../src/core/options/read.js";
import { checkRecipeOptions, defineOptions } from "../../../src/core/options/recipe-options.js";
import { flagOf, type OptionRow, type OptionValues, storedKey } from "../../../src/core/options/row.js";
import { GROUPS, OPTIONS } from "../../../src/core/options/table.js";
import type { Command } from "../../../src/launcher/commands/command.js";
import { COMMANDS } from "../../../src/launcher/commands/list.js";
import { parseArguments } from "../../../src/launcher/commands/parser.js";
import { MNIST_OPTIONS } from "../../../src/recipes/mnist-options.js";

const rows: readonly (readonly [string, OptionRow])[] = Object.entries({ ...OPTIONS, ...MNIST_OPTIONS });
const command = (options: Command["options"]): Command => ({ ...COMMANDS[0], options });
const parse = (options: Command["options"], ...argv: string[]) => parseArguments(argv, command(options), []);

test("a row more is read, checked, stored, resumed and shown, and nothing else is written", () => {
  const more = defineOptions({
    ...OPTIONS,
    warmUp: {
      group: "Train",
      help: "steps at a low rate",
      kind: { type: "whole", least: 0, most: 9 },
      default: 2,
    },
  });
  const typed = parse(more, "--warm-up", "3", "--quiet");
  assert.deepEqual(typed, { warmUp: "3", quiet: true });
  const values: OptionValues<Pick<typeof more, "warmUp">> = readGiven(
    { warmUp: more.warmUp },
    { warmUp: "3" },
    {},
  );
  assert.deepEqual(values, { warmUp: 3 });
  assert.equal(readGiven(more, {}, {}).warmUp, 2);
  assert.throws(
    () => readGiven(more, { warmUp: 10 }, {}),
    /^UsageError: --warm-up wants a whole number of at most 9/,
  );
  assert.deepEqual(
    [-1, 0, 9, 10, "3", null].map((value) => storedRules(more).get("warmUp")!.fits(value)),
    [false, true, true, false, false, false],
  );
  assert.throws(() => refuseFixed({ warmUp: 3 }, more), /leave --warm-up out$/);
  assert.doesNotThrow(() =>
    refuseFixed({ warmUp: 3 }, { warmUp: { ...more.warmUp, allowedOnResume: true } }),
  );
  assert.equal(helpFlag("warmUp", more.warmUp), "--warm-up <n>");
  assert.equal(helpLine(more.warmUp), "steps at a low rate (default: 2)");
});

test("every row has a heading, a rule for what is stored, and a default that passes it", () => {
  for (const [key, row] of rows) {
    if (key in OPTIONS)
      assert.ok(
        GROUPS.some((group) => group === row.group),
        `${key}: ${row.group}`,
      );
    const name = storedKey(key, row);
    if (name === null) continue;
    const rule = storedRules(Object.fromEntries(rows)).get(name)!;
    const value = (readGiven({ [key]: row }, {}, {}) as Record<string, unknown>)[name];
    assert.equal(rule.fits(value), value !== null || row.filledIn !== true, `${key}: ${value}`);
    assert.ok(!rule.fits(undefined) && !rule.fits({}) && !rule.fits(Number.NaN), key);
  }
});

test("what a run has stored as null is open only where the launcher does not fill it in", () => {
  const rules = storedRules(OPTIONS);
  assert.deepEqual([rules.get("epochs")!.fits(null), rules.get("workers")!.fits(null)], [true, false]);
  assert.equal(rules.get("epochs")!.wanted, "a whole number from 1 to 4294967295 or null");
  assert.equal(rules.get("verbosity")!.wanted, "quiet or verbose or normal");
});

test("the fuzzers feed every option, typed and given", () => {
  const text = (input: Uint8Array) => new TextDecoder().decode(input);
  const typed = fc.sample(commandLine.inputs, { seed: 1, numRuns: 3000 }).map(text).join();
  const given = fc.sample(givenOptions.inputs, { seed: 1, numRuns: 3000 }).map(text).join();
  for (const [key] of rows) {
    assert.ok(given.includes(`"${key}":`), key);
    assert.ok(typed.includes(`"${flagOf(key)}`), key);
  }
});

test("a time-out is no longer than the all-reduce can wait", () => {
  assert.equal(OPTIONS.timeout.kind.most, MAX_TIMEOUT_SECONDS);
});

test("what stands for one option must agree, and a switch that is off says nothing", () => {
  assert.deepEqual(readChosen(OPTIONS, { gpus: 2, workers: "2" }), { workers: 2 });
  assert.throws(
    () => readChosen(OPTIONS, { gpus: 2, workers: 3 }),
    /^UsageError: --gpus 2 and --workers 3 disagree/,
  );
  assert.deepEqual(readChosen(OPTIONS, { quiet: false, verbose: true }), { verbosity: "verbose" });
  assert.deepEqual(readChosen(OPTIONS, { quiet: false, progress: false }), { progress: false });
});

test("each kind says what it wants", () => {
  const kinds = defineOptions({
    rate: { help: "rate", kind: { type: "number", least: 0, most: 1 }, default: 0.1 },
    title: { help: "title", kind: { type: "text" }, default: "none" },
    sizes: { help: "sizes", kind: { type: "names" }, default: null },
    isFlat: { help: "flat", kind: { type: "switch" }, default: false },
  });
  assert.deepEqual(readGiven(kinds, { rate: "1e-3", title: "x y", sizes: "a, a", isFlat: true }, {}), {
    rate: 1e-3,
    title: "x y",
    sizes: ["a", "a"],
    isFlat: true,
  });
  const refusal = (given: object, message: string) =>
    assert.throws(() => readGiven(kinds, given, {}), { name: "UsageError", message });
  refusal({ rate: "2" }, '--rate wants a number from 0 to 1, got "2"');
  refusal({ rate: "" }, '--rate wants a number from 0 to 1, got ""');
  refusal({ rate: "NaN" }, '--rate wants a number from 0 to 1, got "NaN"');
  refusal({ title: " " }, '--title wants a text, got " "');
  refusal({ isFlat: "yes" }, '--is-flat wants true or false, got "yes"');
});

test("an option that no table has is refused by name", () => {
  assert.throws(
    () => refuseUnknown({ batchSise: 3 }, [OPTIONS]),
    /^UsageError: unknown option '--batch-sise'; see/,
  );
  assert.doesNotThrow(() => refuseUnknown({ batchSise: undefined, epochs: 3 }, [OPTIONS]));
});

test("a recipe's rows are checked by name", () => {
  const row = { help: "layers", kind: { type: "whole", least: 1 }, default: 3 };
  assert.equal(checkRecipeOptions(MNIST_OPTIONS), MNIST_OPTIONS);
  assert.doesNotThrow(() => checkRecipeOptions({ layers: row, rate: { ...row, default: null } }));
  const refusals: readonly (readonly [unknown, RegExp])[] = [
    [[row], /^the recipe's static options must be an object/],
    [null, /must be an object/],
    [{ seed: row }, /^the recipe's option "seed" has a name of the trainer's: give it another$/],
    [{ timeoutSeconds: row }, /a name of the trainer's/],
    [{ timeout: row }, /a name of the trainer's/],
    [{ verbosity: row }, /a name of the trainer's/],
    [{ rank: row }, /a name of the trainer's/],
    [{ help: row }, /a name of the trainer's/],
    [{ noLayers: row }, /camelCase/],
    [{ "batch-norm": row }, /camelCase/],
    [{ __proto__x: row }, /camelCase/],
    [{ layers: 3 }, /wants \{ kind, help, default \}/],
    [{ layers: { ...row, check: () => true } }, /has no field "check"/],
    [{ layers: { ...row, kind: { type: "integer" } } }, /wants a kind of type whole, number, choice/],
    [{ layers: { ...row, kind: { type: "choice", of: [] } } }, /wants a kind/],
    [{ layers: { ...row, kind: { type: "number", least: 0 } } }, /wants a kind/],
    [{ layers: { ...row, help: "" } }, /wants a help text/],
    [{ layers: { ...row, default: 0 } }, /wants a default of its own kind or null, not 0$/],
    [{ layers: { ...row, default: undefined } }, /wants a default/],
    [{ layers: { ...row, kind: { type: "switch" }, default: null } }, /true or false as default/],
    [{ layers: { ...row, allowedOnResume: 1 } }, /true or false for allowedOnResume/],
  ];
  for (const [wrong, message] of refusals) {
    assert.throws(() => checkRecipeOptions(wrong), { name: "UsageError", message });
  }
});
