// The names of what a run leaves: what they are, and that they are written nowhere else.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as names from "../../../src/core/run-files.js";

const src = fileURLToPath(new URL("../../../src", import.meta.url));

test("the names are those of the documentation", () => {
  const { checkpointFile, epochCheckpoint, isLast, lastCheckpoint, logFile, rankLog, tableFile } = names;
  assert.equal(checkpointFile(epochCheckpoint("unfreezed", 3)), "unfreezed.3.safetensors");
  assert.equal(lastCheckpoint("/logs/x"), "/logs/x/checkpoints/last.safetensors");
  assert.deepEqual([isLast("/a/last.safetensors"), isLast("/a/best.safetensors")], [true, false]);
  assert.equal(tableFile("train"), "train.csv");
  assert.equal(logFile(rankLog(2)), "rank-2.log");
});

test("only a rank's log is taken for one", () => {
  const found = ["rank-0.log", "rank-12.log", "rank-.log", "rank-0.log.1", "my-rank-0.log", "rank-0"].filter(
    names.isRankLogFile,
  );
  assert.deepEqual(found, ["rank-0.log", "rank-12.log"]);
});

test("no other file of src spells them", () => {
  const literal =
    /["'`/](config\.json|summary\.json|checkpoints|_metrics\.json|[^"'`\s]*\.safetensors|[^"'`\s]*tfevents\.)["'`$]/;
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  for (const file of files.filter((name) => name !== "core/run-files.ts")) {
    const lines = readFileSync(join(src, file), "utf8").split("\n");
    const code = lines.filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line));
    assert.equal(
      code.find((line) => literal.test(line)),
      undefined,
      file,
    );
  }
});
