// The probe: whatever happens to it, the launcher lives and says why an engine was skipped.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Device } from "../../../src/core/options/table.js";
import { probe } from "../../../src/launcher/processes/probe.js";

const entry = new URL("../../fixtures/fake-worker.ts", import.meta.url);

function ask(device: Device, env: NodeJS.ProcessEnv = {}, stop: AbortSignal = new AbortController().signal) {
  return probe({ device, workers: 2, recipe: null }, { entry, env: { ...process.env, ...env }, stop });
}

test("a probe's choice is taken over", async () => {
  const { choice, gpus } = await ask("auto", { FAKE_PROBE_auto: "native", FAKE_GPUS: "3" });
  assert.equal(choice.engine, "native");
  assert.equal(gpus, 3);
});

test("a device that cannot be had is the caller's mistake", async () => {
  await assert.rejects(ask("cuda", { FAKE_PROBE_cuda: "refuse" }), {
    name: "UsageError",
    message: "--device cuda: not here; use --device auto",
  });
});

test("a probe that aborts makes auto ask engine by engine", async () => {
  const { choice } = await ask("auto", {
    FAKE_PROBE_auto: "abort",
    FAKE_PROBE_cuda: "abort",
    FAKE_PROBE_native: "refuse",
  });
  assert.equal(choice.engine, "wasm");
  assert.deepEqual(
    choice.skipped.map(({ engine }) => engine),
    ["cuda", "native"],
  );
  assert.match(choice.skipped[0].reason, /^the probe died with signal SIGABRT/);
  assert.equal(choice.skipped[1].reason, "not here");
});

test("a probe that aborts for a device asked for by name is the caller's mistake", async () => {
  await assert.rejects(ask("native", { FAKE_PROBE_native: "abort" }), {
    name: "UsageError",
    message: /^--device native: the probe died with signal SIGABRT.*; use --device auto/,
  });
});

test("a signal that means something for an engine is explained, with what to do", async () => {
  await assert.rejects(ask("native", { FAKE_PROBE_native: "SIGBUS" }), {
    name: "UsageError",
    message:
      /^--device native: the probe died with signal SIGBUS: a library of @tensorflow\/tfjs-node-gpu is damaged .*npm rebuild.*; use --device auto/,
  });
  const { choice } = await ask("auto", { FAKE_PROBE_auto: "SIGBUS", FAKE_PROBE_cuda: "SIGBUS" });
  assert.match(choice.skipped[0].reason, /^the probe died with signal SIGBUS: a library of .* is damaged/);
  assert.equal(choice.engine, "native");
});

test("a probe that does not answer is given up", async () => {
  await assert.rejects(ask("wasm", { FAKE_PROBE_wasm: "hang", DDP_PROBE_TIMEOUT: "0.05" }), {
    name: "UsageError",
    message: /^--device wasm: the probe gave no answer in 0.05 s/,
  });
});

test("a probe can be interrupted", async () => {
  const stop = new AbortController();
  const asked = ask("wasm", { FAKE_PROBE_wasm: "hang" }, stop.signal);
  stop.abort("SIGTERM");
  await assert.rejects(asked, { name: "Interrupted", exitCode: 143 });
});
