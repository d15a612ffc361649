// Many faults, one after another, and the count of how they went.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { writeBars } from "../../test/support/bars.js";
import { type Results, Trial } from "../../test/support/trial.js";
import { describePlan, drawPlan, TRAIN_BATCHES, VALID_BATCHES } from "./plan.js";
import { undergo } from "./undergo.js";

export interface SoakOptions {
  readonly faults: number;
  readonly seed: number;
  /** Where the runs are; a folder of its own, that exists. */
  readonly folder: string;
  readonly print: (line: string) => void;
  /** The number of the only fault wanted, as its line has it, or null for all. */
  readonly only?: number | null;
}

export interface Tally {
  tried: number;
  survived: number;
  lost: number;
  hangs: number;
  orphans: number;
}

/** Faults that come too late are drawn anew; more than so many in a row are none of chance's doing. */
const MOST_LATE = 20;

/** Runs, breaks and mends until so many faults were survived or not. */
export async function soak({ faults, seed, folder, print, only = null }: SoakOptions): Promise<Tally> {
  const data = join(folder, "data");
  writeBars(data, 8 * TRAIN_BATCHES, 8 * VALID_BATCHES);
  const expected = new Map<number, Results>();
  const tally = { tried: 0, survived: 0, lost: 0, hangs: 0, orphans: 0 };
  let late = 0;
  for (let index = 0; tally.tried < faults && late < MOST_LATE; index++) {
    if (only !== null && index > only) break;
    const plan = drawPlan(seed, index);
    if (only !== null && index !== only) continue;
    const { workers } = plan;
    if (!expected.has(workers))
      expected.set(workers, await untroubled(join(folder, `whole-${workers}`), data, workers));
    const place = join(folder, String(index));
    const { happened, wrong, course } = await undergo(plan, { folder: place, data }, expected.get(workers)!);
    late = happened ? 0 : late + 1;
    const isSurvived = wrong.length === 0;
    if (happened || !isSurvived) tally.tried++;
    if (happened && isSurvived) tally.survived++;
    if (wrong.some(({ what }) => what === "lost")) tally.lost++;
    if (wrong.some(({ what }) => what === "hang")) tally.hangs++;
    if (wrong.some(({ what }) => what === "orphan" || what === "leftover")) tally.orphans++;
    print(`${index}: ${describePlan(plan)}: ${course}${isSurvived ? "" : " - NOT SURVIVED"}`);
    for (const { what, detail } of wrong) print(`    ${what}: ${detail.replaceAll("\n", "\n      ")}`);
    if (isSurvived) rmSync(place, { recursive: true, force: true });
  }
  return tally;
}

/** What a run leaves that nothing befalls. */
async function untroubled(folder: string, data: string, workers: number): Promise<Results> {
  const trial = new Trial({ folder, data, workers });
  const { code, stderr } = await trial.start().ended;
  if (code !== 0) throw new Error(`a run without a fault ended with exit code ${code}: ${stderr}`);
  return trial.results();
}
