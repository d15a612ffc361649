// Says which engine a run trains on, and why not on a better one.
import type { Device } from "../../core/options/table.js";
import { factsOf } from "../../engine/engines.js";
import type { Probed } from "../processes/probe.js";
import type { Console } from "./console.js";
import { plural } from "./report.js";

/** What was asked for. */
export interface Asked {
  readonly workers: number;
  readonly device: Device;
  readonly gpusAsked: boolean;
}

/**
 * One line for the engine and one for each better one that was skipped. That no GPU is used is said loudly: a warning
 * where GPUs were asked for, else the first line in bold.
 */
export function announceEngine({ choice, gpus }: Probed, asked: Asked, console: Console): void {
  const crew = plural(asked.workers, "worker");
  const missed = asked.device === "auto" && factsOf(choice.engine).gpu === null;
  const lack = lackOf(gpus, asked.workers);
  if (missed && asked.gpusAsked) {
    console.warn(
      `--gpus ${asked.workers}, but ${lack}: ${crew} will train on the CPU, engine ${choice.engine}`,
    );
  } else if (missed) {
    console.info(console.bold(`training on the CPU: ${lack}`));
  }
  console.info(`${crew} on ${choice.description}`);
  for (const { engine, reason } of choice.skipped) {
    const line = `${engine} skipped: ${reason}`;
    if (missed && asked.gpusAsked) console.warn(line);
    else console.info(`  ${line}`);
  }
}

function lackOf(gpus: number, workers: number): string {
  if (gpus >= workers) return `the ${plural(gpus, "GPU")} here cannot be used`;
  if (gpus === 0) return "no GPU was found";
  return `only ${plural(gpus, "GPU")} ${gpus === 1 ? "was" : "were"} found`;
}
