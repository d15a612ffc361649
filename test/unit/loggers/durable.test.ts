// What a logger has flushed is on disk: a power cut right after a checkpoint costs no row and no event.
import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import type { LogScope } from "../../../src/core/metrics-logger.js";
import { CsvLogger } from "../../../src/loggers/csv.js";
import { TensorboardLogger } from "../../../src/loggers/tensorboard.js";
import { temporaryFolder } from "../../support/data-files.js";
import { listenToDisk, withoutDescriptors as skip } from "../../support/disk-calls.js";
import { countersAt } from "../../support/run-state.js";

const at = (step: number): LogScope => ({
  stage: "one",
  epoch: step,
  epochs: 3,
  batch: 0,
  counters: countersAt(step),
});

test("CSV: every file at each flush, also without a new row", { skip }, (t) => {
  const logger = new CsvLogger({ logdir: temporaryFolder(t) });
  for (const loader of ["train", "valid"]) logger.logLoader(loader, { loss: 1 }, at(1));
  const calls = listenToDisk(t);
  logger.logLoader("train", { loss: 2 }, at(2));
  assert.deepEqual(calls, [], "a row waits for the flush");
  logger.flush();
  assert.deepEqual(calls, ["sync train.csv", "sync valid.csv"]);
});

test("CSV: a file with a new column is replaced as a whole", { skip }, (t) => {
  const logdir = temporaryFolder(t);
  const logger = new CsvLogger({ logdir });
  const calls = listenToDisk(t);
  logger.logLoader("train", { loss: 1 }, at(1));
  assert.deepEqual(calls, [
    "sync train.csv.tmp",
    "rename train.csv.tmp train.csv",
    `sync ${basename(logdir)}`,
  ]);
});

test("TensorBoard: every file at each flush", { skip }, (t) => {
  const logger = new TensorboardLogger({ logdir: temporaryFolder(t) });
  const calls = listenToDisk(t);
  for (const loader of ["train", "valid"]) logger.logLoader(loader, { loss: 1 }, at(1));
  logger.flush();
  logger.close();
  assert.equal(calls.length, 2);
  for (const call of calls) assert.match(call, /^sync events\.out\.tfevents\./);
});
