// The workers of one machine among several: their ranks begin where the machines before it end.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrainOptions } from "../../../src/core/options/train-options.js";
import { topologyOf } from "../../../src/core/topology.js";
import { supervise } from "../../../src/launcher/processes/supervise.js";
import { folder, logdir, traces, useFakeRuns } from "../../fixtures/fake-run.js";
import { defaultOptions } from "../../support/ranks.js";

useFakeRuns();

/** The second of three machines, with ranks 2 to 4 of 6. */
async function secondNode(acts: Readonly<Record<string, string>>) {
  const options: TrainOptions = { ...defaultOptions, workers: 3, logdir };
  const heard: string[] = [];
  const prepared: string[] = [];
  const none = new AbortController().signal;
  const outcome = await supervise({
    entry: new URL("../../fixtures/fake-worker.ts", import.meta.url),
    env: { ...process.env, FAKE_DIR: folder, CUDA_VISIBLE_DEVICES: "5,6,7", ...acts },
    options,
    topology: topologyOf([2, 3, 1]),
    node: 1,
    engine: "cuda",
    endpoints: ["a", "b", "c", "d", "e", "f"],
    token: "t",
    resume: null,
    stop: none,
    kill: none,
    stdout: (line) => heard.push(line),
    print: () => {},
    relay: (line, stream) => void (stream === "stdout" && heard.push(line)),
    notice: () => {},
    onStarted: () => {},
    onPrepared: ({ recipe }) => void prepared.push(recipe),
    onPosition: () => {},
    onRecorded: () => {},
  });
  return { outcome, heard: heard.sort(), prepared };
}

test("each worker has its rank of the run, and a GPU by its rank on the machine", async () => {
  const { outcome, heard, prepared } = await secondNode({});
  assert.deepEqual(outcome, { status: "completed", results: null });
  assert.deepEqual(
    heard,
    [2, 3, 4].map((rank) => `[rank ${rank}] trained with GPU "${rank + 3}"`),
  );
  assert.deepEqual(prepared, ["fake"], "by the machine's first rank alone");
  assert.deepEqual(
    traces().map(({ init }) => init.rank),
    [2, 3, 4],
  );
});

test("a failure names the rank of the run", async () => {
  const { outcome } = await secondNode({ FAKE_2: "wait", FAKE_3: "wait", FAKE_4: "quit-alone" });
  assert.equal(outcome.status, "failed");
  assert.deepEqual(
    outcome.failures.map(({ rank }) => rank),
    [4],
  );
});
