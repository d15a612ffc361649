// `npm run soak -- [--faults 100] [--seed N]`: breaks real runs of two to four workers in every way, at random moments,
// and checks each time that the run ends soon, leaves nothing behind and, restarted or resumed, loses nothing.
// `npm run soak -- --seed N --only I` does fault I again. Exits 1 unless all were survived.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { soak } from "./soak/soak.js";

const { values } = parseArgs({
  options: {
    faults: { type: "string", default: "100" },
    seed: { type: "string", default: String(Date.now() % 2 ** 20) },
    only: { type: "string" },
  },
});
const [faults, seed] = [Number(values.faults), Number(values.seed)];
const only = values.only === undefined ? null : Number(values.only);
if (![faults, seed, only ?? 0].every((number) => Number.isSafeInteger(number) && number >= 0)) {
  console.error("usage: npm run soak -- [--faults n] [--seed n] [--only fault]");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "ddp-soak-"));
const started = performance.now();
console.log(`seed ${seed}, in ${folder}`);
const wanted = only === null ? faults : 1;
const { tried, survived, lost, hangs, orphans } = await soak({
  faults: wanted,
  seed,
  only,
  folder,
  print: console.log,
});
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
console.log(
  `faults tried ${tried}, survived ${survived}, results lost ${lost}, hangs ${hangs}, orphans ${orphans} ` +
    `(seed ${seed}, ${minutes} min)`,
);
if (survived === wanted) rmSync(folder, { recursive: true });
else process.exitCode = 1;
