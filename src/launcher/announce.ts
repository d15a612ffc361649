// Says which engine a run trains on, and why not on a better one.
import type { Device } from "../core/options.js";
import type { Console } from "./console.js";
import type { Probed } from "./probe.js";
import { plural } from "./report.js";

/** What was asked for. */
export interface Asked {
  readonly workers: number;
  readonly device: Device;
  readonly gpusAsked: boolean;
}

/** One line for the engine and one for each better one that was skipped: a warning when GPUs were asked for. */
export function announceEngine({ choice, gpus }: Probed, asked: Asked, console: Console): void {
  const crew = plural(asked.workers, "worker");
  const missed = asked.gpusAsked && asked.device === "auto" && choice.engine !== "cuda";
  if (missed) {
    const lack =
      gpus >= asked.workers
        ? `the ${plural(gpus, "GPU")} here cannot be used`
        : `${gpus === 0 ? "no GPU was" : `only ${plural(gpus, "GPU")} ${gpus === 1 ? "was" : "were"}`} found`;
    console.warn(
      `--gpus ${asked.workers}, but ${lack}: ${crew} will train on the CPU, engine ${choice.engine}`,
    );
  }
  console.info(`${crew} on ${choice.description}`);
  for (const { engine, reason } of choice.skipped) {
    const line = `${engine} skipped: ${reason}`;
    if (missed) console.warn(line);
    else console.info(`  ${line}`);
  }
}
