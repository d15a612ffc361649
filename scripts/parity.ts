// `npm run parity -- [folder]`: compares sampler, metrics and whole DDP runs with the golden values in the folder,
// prints the largest differences, and exits 1 when one is over its limit.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Comparison, passes } from "./parity/comparison.js";
import { compareDdp } from "./parity/ddp.js";
import { compareMetrics } from "./parity/metrics.js";
import { compareSampler } from "./parity/sampler.js";

const shared = fileURLToPath(new URL("../../shared", import.meta.url));
const folder = resolve(process.argv[2] ?? process.env.DDP_PARITY_DIR ?? `${shared}/parity`);
const mnist = resolve(process.env.DDP_MNIST_DIR ?? `${shared}/mnist`);

if (!existsSync(folder)) {
  console.error(
    `parity: there is no folder ${folder}; type: npm run parity -- <folder>, or set DDP_PARITY_DIR`,
  );
  process.exit(2);
}
if (!existsSync(mnist)) {
  console.error(`parity: there is no folder ${mnist}; set DDP_MNIST_DIR to one with the four MNIST files`);
  process.exit(2);
}

let failures = 0;
let compared = 0;
const show = (comparison: Comparison) => {
  const { name, cases, largestDifference, limit, detail } = comparison;
  const verdict = cases === 0 ? "none  " : passes(comparison) ? "ok    " : "FAILED";
  compared += cases;
  if (cases > 0 && !passes(comparison)) failures++;
  const difference = largestDifference.toExponential(1);
  console.log(
    `${verdict} ${name.padEnd(14)} ${String(cases).padStart(7)} compared  largest difference ${difference.padStart(8)}` +
      ` (limit ${limit})  ${detail}`,
  );
};
show(compareSampler(folder));
show(compareMetrics(folder));
for (const comparison of await compareDdp(folder, mnist)) show(comparison);
if (compared === 0) console.error(`parity: ${folder} holds no golden values`);
if (failures > 0) console.error(`parity: ${failures} comparison(s) are over their limit`);
process.exitCode = failures > 0 || compared === 0 ? 1 : 0;
