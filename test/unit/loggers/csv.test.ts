import assert from "node:assert/strict";
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LogScope } from "../../../src/core/metrics-logger.js";
import { CsvLogger } from "../../../src/loggers/csv.js";
import { temporaryFolder } from "../../support/data-files.js";
import { countersAt } from "../../support/run-state.js";

const at = (step: number, stage = "freezed"): LogScope => ({
  stage,
  epoch: step,
  epochs: 3,
  batch: 0,
  counters: countersAt(step),
});

test("a file per loader, a row an epoch, one header for all stages, full precision", (t) => {
  const logdir = join(temporaryFolder(t), "new");
  const logger = new CsvLogger({ logdir });
  logger.logLoader("train", { loss: 0.1 + 0.2, "f1/class_00": 1 / 3 }, at(1));
  logger.logLoader("valid", { loss: 1e-10 }, at(1));
  logger.flush();
  logger.logLoader("train", { "f1/class_00": Number.NaN, loss: 2 }, at(2, "unfreezed"));
  logger.flush();
  assert.deepEqual(readdirSync(logdir).sort(), ["train.csv", "valid.csv"]);
  assert.equal(
    readFileSync(join(logdir, "train.csv"), "utf8"),
    `step,loss,f1/class_00\n1,0.30000000000000004,0.3333333333333333\n2,2,NaN\n`,
  );
  assert.equal(readFileSync(join(logdir, "valid.csv"), "utf8"), "step,loss\n1,1e-10\n");
});

test("a row is on disk as soon as its loader ends", (t) => {
  const logdir = temporaryFolder(t);
  new CsvLogger({ logdir }).logLoader("train", { loss: 1 }, at(1));
  assert.equal(readFileSync(join(logdir, "train.csv"), "utf8"), "step,loss\n1,1\n");
});

test("a metric that appears later widens the file, one that goes missing leaves its cell empty", (t) => {
  const logdir = temporaryFolder(t);
  const logger = new CsvLogger({ logdir });
  logger.logLoader("train", { loss: 1 }, at(1));
  logger.logLoader("train", { loss: 2, lr: 0.1, momentum: 0.9 }, at(2));
  logger.logLoader("train", { lr: 0.2 }, at(3));
  assert.equal(
    readFileSync(join(logdir, "train.csv"), "utf8"),
    "step,loss,lr,momentum\n1,1,,\n2,2,0.1,0.9\n3,,0.2,\n",
  );
});

test("names with commas and quotes survive, also when the file is opened again", (t) => {
  const logdir = temporaryFolder(t);
  new CsvLogger({ logdir }).logLoader("train", { 'a,"b"': 1, "c\nd": 2 }, at(1));
  new CsvLogger({ logdir }).logLoader("train", { 'a,"b"': 3, e: 4 }, at(2));
  assert.equal(readFileSync(join(logdir, "train.csv"), "utf8"), 'step,"a,""b""",c d,e\n1,1,2,\n2,3,,4\n');
});

test("over an existing file it goes on, without rows of epochs run again and without half a row", (t) => {
  const logdir = temporaryFolder(t);
  const path = join(logdir, "train.csv");
  const first = new CsvLogger({ logdir });
  for (let step = 1; step <= 10; step++) first.logLoader("train", { loss: step }, at(step));
  appendFileSync(path, "11,0.");
  const resumed = new CsvLogger({ logdir });
  resumed.logLoader("train", { loss: 0.5 }, at(10));
  resumed.logLoader("train", { loss: 0.25 }, at(11));
  const rows = Array.from({ length: 9 }, (_, i) => `${i + 1},${i + 1}\n`).join("");
  assert.equal(readFileSync(path, "utf8"), `step,loss\n${rows}10,0.5\n11,0.25\n`);
});

test("an empty file is a new one, a file that is no table of metrics is left alone", (t) => {
  const logdir = temporaryFolder(t);
  const path = join(logdir, "train.csv");
  writeFileSync(path, "");
  new CsvLogger({ logdir }).logLoader("train", { loss: 1 }, at(1));
  assert.equal(readFileSync(path, "utf8"), "step,loss\n1,1\n");
  writeFileSync(path, "name,price\nx,1\n");
  assert.throws(() => new CsvLogger({ logdir }).logLoader("train", { loss: 1 }, at(1)), {
    name: "UsageError",
    message: `${path} is in the way: its first column is not "step"`,
  });
  assert.equal(readFileSync(path, "utf8"), "name,price\nx,1\n");
});
