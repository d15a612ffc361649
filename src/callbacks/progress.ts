// Shows on rank 0 how far a loader is: a bar on a terminal, else a line every ten seconds.
import cliProgress from "cli-progress";
import { type Callback, CallbackOrder } from "../core/callback.js";
import type { RunContext } from "../core/context.js";

const LINE_EVERY_MS = 10_000;

/** The recipe's `verbose` callback (Catalyst's TqdmCallback). Draws nothing with --quiet or --no-progress. */
export class ProgressCallback implements Callback {
  readonly order = CallbackOrder.external;
  #bar: cliProgress.SingleBar | null = null;
  #active = false;
  #lastLine = 0;

  onLoaderStart(context: RunContext): void {
    const { options, group, loader } = context;
    this.#active = group.rank === 0 && options.progress && options.verbosity !== "quiet";
    if (!this.#active) return;
    this.#lastLine = performance.now();
    if (!process.stdout.isTTY) return;
    this.#bar = new cliProgress.SingleBar({
      format: `${title(context)} {bar} {percentage}% {value}/{total} | {metrics} | {eta_formatted} left`,
      barCompleteChar: "█",
      barIncompleteChar: "░",
      barsize: 24,
      fps: 5,
      stream: process.stdout,
      hideCursor: true,
      clearOnComplete: true,
    });
    this.#bar.start(loader.length, 0, { metrics: "" });
  }

  onBatchEnd(context: RunContext): void {
    if (!this.#active) return;
    const done = context.batchIndex + 1;
    if (this.#bar) {
      this.#bar.update(done, { metrics: shortMetrics(context) });
      return;
    }
    const now = performance.now();
    if (now - this.#lastLine < LINE_EVERY_MS) return;
    this.#lastLine = now;
    const percent = Math.round((100 * done) / context.loader.length);
    process.stdout.write(
      `${title(context)} ${percent}% ${done}/${context.loader.length} | ${shortMetrics(context)}\n`,
    );
  }

  onLoaderEnd(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

function title({ counters, stageLen, loaderKey }: RunContext): string {
  return `${counters.stageEpochStep}/${stageLen} * Epoch (${loaderKey})`;
}

function shortMetrics({ batchMetrics }: RunContext): string {
  return Object.entries(batchMetrics)
    .slice(0, 3)
    .map(([name, value]) => `${name}: ${value.toPrecision(4)}`)
    .join(" | ");
}
