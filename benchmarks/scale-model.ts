// `npm run scale-model`: measures all-reduces and training steps for 1 to 8 ranks, fits a cost model, says how wrong it is
// where it was not fitted, and what it says of larger clusters. Writes the measured part of docs/scaling.md, and a picture.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { writeFileAtomic } from "../src/core/atomic-file.js";
import { UsageError } from "../src/core/errors.js";
import { runProgram, wholeNumber, wholeNumbers } from "./arguments.js";
import { circumstances, renderEntry } from "./entry.js";
import { buildAt, mnistFolder, root } from "./places.js";
import { fitRing, type Measurement, ourRing, seconds } from "./scale/cost-model.js";
import { measureHere, measureHosts, measureSteps, medians } from "./scale/measure.js";
import { type Hosts, openHosts } from "./scale/namespaces.js";
import { logLogPlot, type Series } from "./scale/plot.js";
import {
  baseOf,
  FIT_RANKS,
  FIT_SIZES,
  HELD_SIZES,
  isFitted,
  linkOf,
  type Measured,
  report,
  sizeText,
} from "./scale/report.js";

interface Options {
  readonly ranks: readonly number[];
  readonly rates: readonly number[];
  readonly rounds: number;
  readonly stepMs: number;
  readonly quick: boolean;
  readonly write: boolean;
  readonly dataDir?: string;
  readonly note?: string;
  readonly dist: string;
}

const SIZES = [...FIT_SIZES, ...HELD_SIZES].sort((a, b) => a - b);
/** Larger arrays over slow links take longer than they teach. */
const MOST_SHAPED_BYTES = 4_000_000;
const [BEGIN, END] = ["<!-- measured: begin -->", "<!-- measured: end -->"];
const COLORS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"];

const progress = (line: string) => void process.stderr.write(`scale-model: ${line}\n`);

const program = new Command("scale-model")
  .exitOverride()
  .description(
    "Measures, fits and predicts how all-reduces and training steps grow with the number of ranks.",
  )
  .option("--ranks <list>", "numbers of ranks; 2 and 4 are fitted, others judge", wholeNumbers, [2, 3, 4, 8])
  .option("--rates <list>", "Mbit/s of the limited links", wholeNumbers, [1000, 200])
  .option("--rounds <n>", "how often each is measured", wholeNumber, 3)
  .option("--step-ms <ms>", "computing time of a step to predict with", wholeNumber, 100)
  .option("--quick", "one round, few sizes, no training steps", false)
  .option("--data-dir <dir>", "the folder with MNIST (default: $DDP_MNIST_DIR, else ../shared/mnist)")
  .option("--dist <folder>", "the build to measure", "dist")
  .option("--no-write", "leave docs/scaling.md and its picture as they are")
  .option("--note <text>", "a line for the document: what was special")
  .action(main);

void runProgram(program);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

async function main(options: Options): Promise<void> {
  if (FIT_RANKS.some((ranks) => !options.ranks.includes(ranks))) {
    throw new UsageError(`--ranks must hold ${FIT_RANKS.join(" and ")}, which the model is fitted on`);
  }
  const about = circumstances(process.argv.slice(2), options.note ?? null, "npm run scale-model --");
  const measured = await measure(options);
  const body = `${report(measured, options.stepMs)}`;
  const entry = renderEntry("scaling", { body, peers: [] }, about);
  process.stdout.write(`${entry}\n`);
  if (!options.write) return;
  const path = join(root, "docs/scaling.md");
  writeFileAtomic(path, replaceMeasured(readFileSync(path, "utf8"), entry));
  writeFileAtomic(join(root, "docs/scaling.svg"), picture(measured));
}

async function measure({ ranks, rates, rounds, quick, dist, dataDir }: Options): Promise<Measured> {
  const build = buildAt(dist);
  const sizes = quick ? SIZES.filter((bytes) => bytes <= 4_000_000) : SIZES;
  const times = quick ? 1 : rounds;
  const all = async (name: string, run: (ranks: number) => Promise<Measurement[]>, repeat = times) => {
    const found: Measurement[] = [];
    for (const count of ranks) {
      const each: Measurement[][] = [];
      for (let round = 0; round < repeat; round++) each.push(await run(count));
      found.push(...medians(each));
      progress(`${name}, ${count} ranks: ${found.slice(-sizes.length).map(brief).join(", ")}`);
    }
    return found;
  };
  const memory = await all("memory", (count) => measureHere(build, "auto", count, sizes));
  const zmq = await all("ZeroMQ", (count) => measureHere(build, "zmq", count, sizes));
  const tcp: { mbits: number | null; runs: readonly Measurement[] }[] = [];
  const hosts = openHosts(Math.max(...ranks));
  if (typeof hosts === "string")
    progress(`no network of our own, the model is fitted on Unix sockets: ${hosts}`);
  else {
    try {
      for (const mbits of [null, ...rates]) {
        hosts.shape(mbits);
        const fewer = mbits === null ? sizes : sizes.filter((bytes) => bytes <= MOST_SHAPED_BYTES);
        const name = mbits === null ? "TCP" : `TCP at ${mbits} Mbit/s`;
        const run = (count: number) => measureHosts(build, hosts as Hosts, count, fewer);
        tcp.push({ mbits, runs: await all(name, run, mbits === null ? times : 1) });
      }
    } finally {
      hosts.remove();
    }
  }
  const steps = new Map<number, Readonly<Record<string, number>>>();
  for (const workers of quick ? [] : [1, 2, 3, 4, 6, 8]) {
    const step = await measureSteps(build, mnistFolder(dataDir), workers);
    steps.set(workers, step);
    const said = Object.entries(step).map(([stage, value]) => `${stage} ${(value * 1e3).toFixed(2)} ms`);
    progress(`training, ${workers} workers: ${said.join(", ")} a step`);
  }
  return { cores: availableParallelism(), memory, zmq, tcp, steps };
}

function brief({ bytes, seconds: took }: Measurement): string {
  return `${sizeText(bytes)} ${(took * 1e3).toFixed(2)} ms`;
}

function replaceMeasured(document: string, entry: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/scaling.md lacks the lines ${BEGIN} and ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n\n${entry}\n\n${document.slice(end)}`;
}

function picture(measured: Measured): string {
  const { cores } = measured;
  const costs = fitRing(baseOf(measured).filter(isFitted), cores);
  const ways = measured.tcp.length > 0 ? measured.tcp : [{ mbits: null, runs: measured.zmq }];
  const series = ways.flatMap(({ mbits, runs }) =>
    FIT_RANKS.map((ranks): Omit<Series, "color"> => {
      const link = linkOf(mbits);
      return {
        name: `${ranks} ranks${mbits === null ? "" : `, ${mbits} Mbit/s`}`,
        points: runs.filter((run) => run.ranks === ranks).map((run) => [run.bytes, run.seconds]),
        curve: (bytes) => seconds(ourRing(ranks, bytes), { ...costs, link, coresPerRank: cores / ranks }),
      };
    }),
  );
  return logLogPlot(
    series.map((each, i) => ({ ...each, color: COLORS[i % COLORS.length] })),
    "All-reduce over TCP: measured, and the model",
    {
      xText: "bytes of the array",
      yText: "time a call",
      xTick: sizeText,
      yTick: (value) => (value < 1e-3 ? `${(value * 1e6).toFixed(0)} us` : `${(value * 1e3).toFixed(0)} ms`),
    },
  );
}
