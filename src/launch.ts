// `ddp-train/launch`: what a program imports that starts runs. Recipes import the index, which starts nothing.
export { RunError, UsageError } from "./core/errors.js";
export type * from "./core/summary.js";
export { type LaunchIo, launch } from "./launcher/launch.js";
export type { LaunchOptions } from "./launcher/options/resolve.js";
export { Interrupted } from "./launcher/processes/interruption.js";
