// The list of engines, and what an engine that is added to it gets.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readGradients } from "../../../src/engine/apply-gradients.js";
import { currentEngine } from "../../../src/engine/current.js";
import type { LoadEngine } from "../../../src/engine/engine.js";
import { ENGINE_FACTS, factsOf } from "../../../src/engine/engines.js";
import { chooseAmong } from "../../../src/engine/probe.js";
import { tf } from "../../../src/engine/tf.js";
import { reads, tortoise } from "../../fixtures/tortoise-engine.js";

test("the list is best first; each engine has its code where its facts say", async () => {
  assert.deepEqual(
    ENGINE_FACTS.map(({ name }) => name),
    ["cuda", "native", "wasm", "cpu"],
  );
  for (const { name, code } of ENGINE_FACTS) {
    const { load } = (await import(code.href)) as { load: LoadEngine };
    assert.equal(typeof load, "function", name);
    assert.equal(factsOf(name).code, code);
  }
  assert.throws(() => factsOf("tpu" as never), /no engine is named "tpu"/);
});

describe("an engine is added by its facts, its code and a line in the list", () => {
  const engines = [tortoise, ...ENGINE_FACTS];

  test("it is chosen where it is the best that loads, and by its name", async () => {
    for (const device of ["auto", "tortoise"] as const) {
      const choice = await chooseAmong(engines, device, 2, 0);
      assert.deepEqual(choice, {
        engine: "tortoise",
        description: "tortoise (reads asynchronously)",
        skipped: [],
      });
      assert.equal(tf.getBackend(), "tortoise");
      assert.equal(currentEngine().description, choice.description);
    }
  });

  test("where it needs GPUs there must be one for every worker, or it is not even loaded", async () => {
    const hare = {
      ...tortoise,
      name: "hare",
      gpu: "GPU",
      get code(): URL {
        throw new Error("loaded");
      },
    } as const;
    const choice = await chooseAmong([hare, tortoise], "auto", 2, 1);
    assert.equal(choice.engine, "tortoise");
    assert.deepEqual(choice.skipped, [
      { engine: "hare", reason: "only 1 GPU found on this machine for 2 workers" },
    ]);
    await assert.rejects(chooseAmong([hare, tortoise], "hare", 2, 0), {
      name: "UsageError",
      message: /^--device hare: no GPU found on this machine for 2 workers; use --device auto/,
    });
    assert.equal(
      (await chooseAmong([{ ...tortoise, name: "hare", gpu: "GPU" }], "hare", 2, 2)).engine,
      "hare",
    );
  });

  test("it is read once for all gradients of a bucket, and never synchronously", async () => {
    await chooseAmong(engines, "tortoise", 1, 0);
    const tensors = [tf.fill([2, 3], 1), null, tf.fill([4], 2)];
    const target = new Float32Array(12);
    const before = reads.count;
    await readGradients(tensors, [6, 2, 4], target);
    assert.equal(reads.count, before + 1);
    assert.deepEqual([...target], [1, 1, 1, 1, 1, 1, 0, 0, 2, 2, 2, 2]);
    assert.throws(() => tensors[0]?.dataSync(), /cannot be read synchronously/);
  });
});
