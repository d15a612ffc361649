import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import type { LogScope } from "../../../src/core/metrics-logger.js";
import { ConsoleLogger, type ConsoleOptions } from "../../../src/loggers/console.js";
import { countersAt } from "../../support/run-state.js";

const scope: LogScope = { stage: "freezed", epoch: 1, epochs: 3, batch: 0, counters: countersAt(1) };
const metrics = {
  loss: 0.27123,
  lr: 0.001,
  momentum: 0.9,
  accuracy03: 0.98,
  accuracy: 0.91339,
  "precision/class_00": 0.5,
  "precision/_macro": 1,
  "support/class_00": 980,
  "support/class_01": 1,
  map: 0.5,
};

/** What the logger prints; `isTTY` and the other options as given. */
function printed(
  log: (logger: ConsoleLogger) => void,
  options: ConsoleOptions & { isTTY?: boolean } = {},
): string {
  const { isTTY = false, ...rest } = options;
  let text = "";
  log(new ConsoleLogger({ stream: { isTTY, write: (part: string) => (text += part) }, ...rest }));
  return text;
}

test("a loader is one line: accuracy first, then loss, then settings, no class metrics", () => {
  const text = printed((logger) => logger.logLoader("train", metrics, scope));
  assert.equal(
    text,
    "train (1/3) accuracy: 0.9134 | accuracy03: 0.9800 | map: 0.5000 | loss: 0.2712 | lr: 0.001 | momentum: 0.9\n",
  );
});

test("an epoch is a line with its stage", () => {
  assert.equal(
    printed((logger) => logger.logEpoch(scope)),
    "* Epoch (1/3) stage freezed\n",
  );
});

test("columns of loaders and epochs stand under each other", () => {
  const text = printed((logger) => {
    logger.logLoader("train_long", { loss: 1 }, { ...scope, epoch: 9, epochs: 10 });
    logger.logLoader("valid", { loss: 12.5 }, { ...scope, epoch: 10, epochs: 10 });
  });
  assert.equal(text, "train_long ( 9/10) loss: 1.0000\nvalid      (10/10) loss: 12.5000\n");
});

test("numbers that four decimals would hide keep their size", () => {
  const values = { a: 0, b: 0.00012345, c: 12345678, d: Number.NaN, e: Infinity, f: -1e-7, g: 2000.5 };
  assert.equal(
    printed((logger) => logger.logLoader("train", values, scope)),
    "train (1/3) a: 0.0000 | b: 1.234e-4 | c: 1.235e+7 | d: NaN | e: Infinity | f: -1.000e-7 | g: 2000.5000\n",
  );
});

test("verbose adds the class metrics as a table", () => {
  const text = printed((logger) => logger.logLoader("train", metrics, scope), { verbose: true });
  assert.deepEqual(text.split("\n").slice(1), [
    "            precision  support",
    "  class_00     0.5000      980",
    "  _macro       1.0000",
    "  class_01                   1",
    "",
  ]);
  const plain = printed((logger) => logger.logLoader("train", { loss: 1 }, scope), { verbose: true });
  assert.equal(plain, "train (1/3) loss: 1.0000\n");
});

test("colour is for terminals, unless NO_COLOR says no", (t) => {
  const before = process.env.NO_COLOR;
  t.after(() => {
    if (before === undefined) delete process.env.NO_COLOR;
    else process.env.NO_COLOR = before;
  });
  const log = (logger: ConsoleLogger) => {
    logger.logLoader("train", metrics, scope);
    logger.logEpoch(scope);
  };
  const plain = printed(log, { color: false });
  assert.equal(plain, stripVTControlCharacters(plain));
  delete process.env.NO_COLOR;
  const coloured = printed(log, { isTTY: true });
  assert.notEqual(coloured, plain);
  assert.equal(stripVTControlCharacters(coloured), plain, "colour changes nothing else");
  assert.equal(printed(log), plain);
  assert.equal(printed(log, { color: true }), coloured);
  process.env.NO_COLOR = "1";
  assert.equal(printed(log, { isTTY: true }), plain);
  process.env.NO_COLOR = "";
  assert.equal(printed(log, { isTTY: true }), coloured, "an empty NO_COLOR is as none");
});
