// The order in which an epoch's checkpoint reaches the disk: `last` comes last, so that a crash at any point leaves one
// whose epoch was saved in full.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { CheckpointStore } from "../../../src/checkpoint/store.js";
import { temporaryFolder } from "../../support/data-files.js";
import { listenToDisk, withoutDescriptors as skip } from "../../support/disk-calls.js";
import { stateAt } from "../../support/run-state.js";

const options = { loaderKey: "valid", metricKey: "loss", minimize: true, saveNBest: 2 };
const atomic = (name: string) => [`sync ${name}.tmp`, `rename ${name}.tmp ${name}`, "sync checkpoints"];
const linked = (from: string, name: string) => [
  `link ${from} ${name}.tmp`,
  `rename ${name}.tmp ${name}`,
  "sync checkpoints",
];

test("an epoch that is the best: its file, best, the list, last", { skip }, (t) => {
  const folder = join(temporaryFolder(t), "checkpoints");
  const store = new CheckpointStore(folder, options);
  const calls = listenToDisk(t);
  store.save(stateAt("s", 1, 0.5));
  assert.deepEqual(calls, [
    ...atomic("s.1.safetensors"),
    ...linked("s.1.safetensors", "best.safetensors"),
    ...atomic("_metrics.json"),
    ...linked("s.1.safetensors", "last.safetensors"),
  ]);
});

test("an epoch that is among the best N, and one that is not", { skip }, (t) => {
  const folder = join(temporaryFolder(t), "checkpoints");
  const store = new CheckpointStore(folder, options);
  store.save(stateAt("s", 1, 0.5));
  const calls = listenToDisk(t);
  store.save(stateAt("s", 2, 0.6));
  assert.deepEqual(calls.splice(0), [
    ...atomic("s.2.safetensors"),
    ...atomic("_metrics.json"),
    ...linked("s.2.safetensors", "last.safetensors"),
  ]);
  store.save(stateAt("s", 3, 0.7));
  assert.deepEqual(calls, [...atomic("_metrics.json"), ...atomic("last.safetensors")]);
});

test("within an epoch: last alone", { skip }, (t) => {
  const folder = join(temporaryFolder(t), "checkpoints");
  const store = new CheckpointStore(folder, options);
  const calls = listenToDisk(t);
  store.saveLast(stateAt("s", 1, 0.5));
  assert.deepEqual(calls, atomic("last.safetensors"));
});
