// `npm run bench -- train | allreduce | cnn | large`: measures, prints tables of ratios, and adds a dated entry to
// docs/benchmarks.md. Peers run where /usr/bin/python3 has torch.
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { benchAllReduce } from "./allreduce.js";
import { runProgram, wholeNumber, wholeNumbers } from "./arguments.js";
import { benchCnn } from "./cnn.js";
import { addEntry, circumstances, type Report, renderEntry } from "./entry.js";
import { benchLarge } from "./large.js";
import { buildAt, mnistFolder, PYTHON, root, torchVersion } from "./places.js";
import { benchTrain } from "./train.js";

interface CommonOptions {
  readonly rounds: number;
  readonly peers: boolean;
  readonly write: boolean;
  readonly note?: string;
  readonly dist: string;
}
interface TrainOptions extends CommonOptions {
  readonly workers: readonly number[];
  readonly epochs: number;
  readonly batchSize: number;
  readonly dataDir?: string;
}
interface CnnOptions extends CommonOptions {
  readonly batchSize: number;
  readonly steps: number;
  readonly dataDir?: string;
}
interface LargeOptions extends CommonOptions {
  readonly workers: readonly number[];
  readonly batchSize: number;
  readonly steps: number;
}
interface AllReduceOptions extends CommonOptions {
  readonly ranks: readonly number[];
  readonly sizes: readonly number[];
}

const SIZES = [4000, 40_000, 407_080, 4_000_000, 40_000_000, 100_000_000];
const progress = (line: string) => void process.stderr.write(`bench: ${line}\n`);

const MNIST = "the folder with MNIST (default: $DDP_MNIST_DIR, else ../shared/mnist)";

const program = new Command("bench")
  .exitOverride()
  .description("Measures ddp-train against its peers, in turns.");
common(program.command("train").description("the main job against PyTorch DDP"))
  .option("--workers <list>", "numbers of workers", wholeNumbers, [1, 2, 4])
  .option("--epochs <n>", "epochs a stage", wholeNumber, 3)
  .option("--batch-size <n>", "samples a batch and worker", wholeNumber, 32)
  .option("--data-dir <dir>", MNIST)
  .action((options: TrainOptions) =>
    measure("train", options, (common) =>
      benchTrain({ ...options, ...common, data: mnistFolder(options.dataDir) }),
    ),
  );
common(program.command("allreduce").description("the all-reduce against gloo and a copy through memory"))
  .option("--ranks <list>", "numbers of ranks; above 4 for one round only", wholeNumbers, [2, 4, 8])
  .option("--sizes <list>", "bytes, multiples of 4", fourBytes, SIZES)
  .action((options: AllReduceOptions) =>
    measure("allreduce", options, (common) => benchAllReduce({ ...options, ...common })),
  );
common(program.command("cnn").description("a small convolutional net against composed gradients and PyTorch"))
  .option("--batch-size <n>", "samples a batch", wholeNumber, 32)
  .option("--steps <n>", "training steps an epoch, of two epochs", wholeNumber, 300)
  .option("--data-dir <dir>", MNIST)
  .action((options: CnnOptions) =>
    measure("cnn", options, (common) =>
      benchCnn({ ...options, ...common, data: mnistFolder(options.dataDir) }),
    ),
  );
common(
  program
    .command("large")
    .description("steps of 25 million weights, 100 MB of gradients, each way they can go"),
)
  .option("--workers <list>", "numbers of workers", wholeNumbers, [1, 2, 4])
  .option("--batch-size <n>", "samples a batch and worker", wholeNumber, 4)
  .option("--steps <n>", "steps that are timed, after as many that are not", wholeNumber, 8)
  .action((options: LargeOptions) =>
    measure("large", options, (common) => benchLarge({ ...options, ...common })),
  );

void runProgram(program);

function common(command: Command): Command {
  return command
    .option("--rounds <n>", "how often each contestant runs", wholeNumber, 3)
    .option("--dist <folder>", "the build to measure", "dist")
    .option("--no-peers", "run ours alone")
    .option("--no-write", "leave docs/benchmarks.md as it is")
    .option("--note <text>", "a line for the entry: what was special");
}

interface Common {
  readonly build: URL;
  readonly torch: string | null;
  readonly progress: (line: string) => void;
}

async function measure(
  name: string,
  { peers, write, note, dist }: CommonOptions,
  run: (common: Common) => Promise<Report>,
): Promise<void> {
  const about = circumstances(process.argv.slice(2), note ?? null);
  const torch = peers ? torchVersion() : null;
  if (peers && torch === null) progress(`${PYTHON} has no torch (Debian: python3-torch), so ours runs alone`);
  const report = await run({ build: buildAt(dist), torch, progress });
  const entry = renderEntry(name, report, about);
  process.stdout.write(`${entry}\n`);
  if (write) addEntry(join(root, "docs/benchmarks.md"), entry);
}

function fourBytes(text: string): number[] {
  const sizes = wholeNumbers(text);
  if (sizes.some((bytes) => bytes % 4 !== 0)) throw new InvalidArgumentError("It wants multiples of 4.");
  return sizes;
}
