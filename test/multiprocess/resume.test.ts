// Runs killed with SIGKILL, launcher and workers at once, at random places of both stages, and resumed each time: in
// the end the weights, tables and charts are those of a run that nothing befell.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Mt19937 } from "../../src/core/random.js";
import { writeBars } from "../support/bars.js";
import { withoutProc as skip } from "../support/run-process.js";
import { type PlantedFault, type Results, Trial } from "../support/trial.js";

const work = mkdtempSync(join(tmpdir(), "ddp-resume-"));
const data = join(work, "data");
after(() => rmSync(work, { recursive: true, force: true }));

const WORKERS = 2;
/** Batches a rank and epoch, of 8 samples each. */
const BATCHES = { train: 16, valid: 4 };
const SEED = Number(process.env.DDP_SEED ?? 3);
let whole: Results;

before(async () => {
  writeBars(data, 8 * WORKERS * BATCHES.train, 8 * WORKERS * BATCHES.valid);
  const trial = new Trial({ folder: join(work, "whole"), data, workers: WORKERS });
  assert.equal((await trial.start().ended).code, 0);
  whole = trial.results();
});

test("the run to compare with has each row and each point once", () => {
  for (const csv of [whole.train, whole.valid]) {
    const steps = csv
      .trim()
      .split("\n")
      .map((row) => row.split(",")[0]);
    assert.deepEqual(steps, ["step", "1", "2", "3", "4"]);
  }
  const points = whole.events.map((event) => event.replace(/ \w+$/, ""));
  // Every 10th of 16 batches, and each epoch of both loaders.
  assert.equal(new Set(points).size, 4 * (2 + 1 + 1));
  assert.equal(points.length, 4 * (2 + 1 + 1));
});

for (const every of [null, 3]) {
  const random = new Mt19937(SEED + (every ?? 0));
  const upTo = (most: number) => 1 + (random.next() % most);
  // In the order of the run, so that each is still to come when the one before has been survived.
  const kills = ["freezed", "unfreezed"].flatMap((stage) =>
    (["train", "valid"] as const).map((loader, i): PlantedFault => {
      const place = { stage, epoch: i + 1, loader, batch: upTo(BATCHES[loader]) };
      return { kind: "kill all", rank: random.next() % WORKERS, ...place };
    }),
  );
  const places = kills.map(({ stage, epoch, loader, batch }) => `${stage}.${epoch} ${loader} ${batch}`);
  test(`killed in ${places.join(", ")}, saving every ${every ?? "epoch"} (seed ${SEED})`, {
    skip,
  }, async () => {
    const args = every === null ? [] : ["--checkpoint-every", String(every)];
    const folder = join(work, `killed-${every}`);
    const trial = new Trial({ folder, data, workers: WORKERS, args });
    for (const [i, kill] of kills.entries()) {
      const run = i === 0 ? trial.start(kill) : trial.resume(kill);
      const { signal, stderr } = await run.ended;
      assert.equal(signal, "SIGKILL", `${places[i]}: ${stderr}`);
      assert.deepEqual(await run.gone(5000), []);
    }
    const run = trial.resume();
    const { code, stderr } = await run.ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(trial.results(), whole);
    assert.deepEqual(run.left(), []);
  });
}
