// Whatever becomes of a run's files, there is a page of what they say, or one line that names the file.
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { UsageError } from "../../../src/core/errors.js";
import { reportPage } from "../../../src/report/page.js";
import { readRun } from "../../../src/report/record.js";
import { classMetrics, epochs, work, writeRun } from "./runs.js";

after(() => rmSync(work, { recursive: true, force: true }));

const logdir = writeRun({
  stages: [
    ["warm", epochs(2, (i) => ({ loss: i, "a,b": Number.NaN, ...classMetrics(2, true) }))],
    ["main", epochs(2, (i) => ({ loss: 1 / (i + 1), lr: 0.1 }))],
  ],
  best: ["main", 1, "loss", "valid", 1],
  config: { resumed: [{ time: "now", from: null, versions: {}, world_size: 2, engine: "cpu" }] },
});
const FILES = ["summary.json", "config.json", "train.csv", "checkpoints/_metrics.json"];
const whole = new Map(FILES.map((name) => [name, readFileSync(join(logdir, name), "utf8")]));

/** The page, or null where the files are refused in one line. */
function pageOrRefusal(): string | null {
  try {
    return reportPage([readRun(logdir)]);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error instanceof Error ? error.stack : error));
    assert.match(error.message, /^[^\n]+(summary\.json|config\.json|train\.csv|_metrics\.json)/);
    return null;
  }
}

function withFile<T>(name: string, content: string | Uint8Array, look: () => T): T {
  writeFileSync(join(logdir, name), content);
  try {
    return look();
  } finally {
    writeFileSync(join(logdir, name), whole.get(name) ?? "");
  }
}

test("the files as they are make a page", () => assert.ok(pageOrRefusal()));

test("bytes that are cut off, changed or put in", () => {
  const change = fc.record({
    name: fc.constantFrom(...FILES),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat(40),
    added: fc.uint8Array({ maxLength: 8 }),
  });
  fc.assert(
    fc.property(change, ({ name, at, removed, added }) => {
      const bytes = Buffer.from(whole.get(name) ?? "");
      const place = Math.floor(at * bytes.length);
      const content = Buffer.concat([bytes.subarray(0, place), added, bytes.subarray(place + removed)]);
      withFile(name, content, pageOrRefusal);
    }),
    { numRuns: 300 },
  );
});

test("values that are others, anywhere in the JSON files", () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      -1,
      0,
      1e308,
      2 ** 53,
      "",
      "x".repeat(5000),
      [],
      {},
      [null],
      { a: 1 },
      true,
    ),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const names = FILES.filter((name) => name.endsWith(".json"));
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.nat(), value, (name, place, other) => {
      let at = 0;
      const count = whole.get(name)?.match(/[:,[]/g)?.length ?? 1;
      const changed = JSON.stringify(JSON.parse(whole.get(name) ?? ""), (_, old: unknown) =>
        at++ === place % count ? other : old,
      );
      withFile(name, changed ?? "", pageOrRefusal);
    }),
    { numRuns: 300 },
  );
});
