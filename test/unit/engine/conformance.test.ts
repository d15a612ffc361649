// Every engine that loads here keeps the promises of engine.ts; one that does not is told, and why.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { messageOf } from "../../../src/core/errors.js";
import { ENGINE_FACTS } from "../../../src/engine/engines.js";
import type { EngineFacts } from "../../../src/engine/facts.js";
import { loadByFacts, loadEngine } from "../../../src/engine/load.js";
import { tortoise } from "../../fixtures/tortoise-engine.js";
import { testConformance } from "../../support/engine-conformance.js";

const engines: readonly EngineFacts[] = [...ENGINE_FACTS, tortoise];
const refusals = new Map<string, string>();
for (const facts of engines) {
  await loadByFacts(facts).catch((error: unknown) => refusals.set(facts.name, messageOf(error)));
}

for (const facts of engines) {
  const refusal = refusals.get(facts.name);
  describe(`engine ${facts.name}`, { skip: refusal ?? false }, () => {
    testConformance(() => loadByFacts(facts));
  });
}

test("engines that need nothing of the machine are there, wasm with its own kernels", async () => {
  for (const name of ["wasm", "cpu", "tortoise"]) assert.equal(refusals.get(name), undefined);
  assert.match((await loadEngine("wasm")).description, /own kernels/);
});
