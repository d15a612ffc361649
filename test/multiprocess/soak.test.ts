// The soak test in short: a few faults of different kinds, from a fixed seed. `npm run soak` does a hundred.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { soak } from "../../scripts/soak/soak.js";
import { withoutProc as skip } from "../support/run-process.js";

const folder = mkdtempSync(join(tmpdir(), "ddp-soak-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("six faults are survived, and nothing is lost", { skip }, async () => {
  const lines: string[] = [];
  const tally = await soak({ faults: 6, seed: 1, folder, print: (line) => lines.push(line) });
  assert.deepEqual(tally, { tried: 6, survived: 6, lost: 0, hangs: 0, orphans: 0 }, lines.join("\n"));
});
