// `npm run fuzz -- [--seconds 60] [--seed N] [--target name]`: feeds damaged, lying and random input to everything that
// reads input, prints what was tried and found, and exits 1 when anything crashed, hung or allocated what it was told.
// `npm run fuzz -- --target name --input <base64>` reads one input again.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { type Fuzzed, fuzz } from "./fuzz/fuzz.js";
import { judge } from "./fuzz/target.js";
import { targets } from "./fuzz/targets.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    target: { type: "string" },
    input: { type: "string" },
  },
});
const chosen = targets.filter(({ name }) => values.target === undefined || values.target === name);
const [seed, seconds] = [Number(values.seed), Number(values.seconds)];
if (chosen.length === 0 || !Number.isInteger(seed) || !(seconds > 0)) {
  const names = targets.map(({ name }) => name).join(" | ");
  console.error(`usage: npm run fuzz -- [--seconds s] [--seed n] [--target ${names} [--input base64]]`);
  process.exit(2);
}
process.exitCode = values.input === undefined ? await fuzzAll() : again(values.input);

/** As many targets at a time as there are cores; each gets its share of the time. */
async function fuzzAll(): Promise<number> {
  const lanes = Math.min(availableParallelism(), chosen.length);
  const share = (seconds * lanes) / chosen.length;
  const waiting = [...chosen];
  const done: Fuzzed[] = [];
  console.log(`seed ${seed}, ${seconds} s`);
  console.log(row("target", "inputs tried", "refused", "crashes", "hangs"));
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const module = new URL("./fuzz/targets.ts", import.meta.url);
      done.push(await fuzz(next.name, { module, seed, seconds: share }));
      report(done.at(-1)!);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const found = done.flatMap((one) => one.found);
  const hangs = found.filter(({ kind }) => kind === "hang").length;
  const [tried, refused] = [sum(done, "tried"), sum(done, "refused")];
  console.log(row("all", count(tried), count(refused), count(found.length - hangs), count(hangs)));
  return found.length > 0 ? 1 : 0;
}

function report({ target, tried, refused, found }: Fuzzed): void {
  const hangs = found.filter(({ kind }) => kind === "hang").length;
  console.log(row(target, count(tried), count(refused), count(found.length - hangs), count(hangs)));
  for (const { kind, detail, input } of found) {
    console.log(`  ${kind} (seed ${seed}): ${detail.replaceAll("\n", "\n    ")}`);
    console.log(
      `  again: npm run fuzz -- --target ${target} --input ${Buffer.from(input).toString("base64")}`,
    );
  }
}

function again(base64: string): number {
  const input = new Uint8Array(Buffer.from(base64, "base64"));
  const verdicts = chosen.map((target) => ({ target: target.name, ...judge(target, input) }));
  for (const { target, kind, refused, detail } of verdicts) {
    console.log(`${target}: ${kind ?? (refused ? "refused" : "read")} ${detail}`);
  }
  return verdicts.some(({ kind }) => kind !== null) ? 1 : 0;
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(12) + cells.map((cell) => cell.padStart(14)).join("");
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}

function sum(all: readonly Fuzzed[], key: "tried" | "refused"): number {
  return all.reduce((total, one) => total + one[key], 0);
}
