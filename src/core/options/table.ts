// The trainer's options, each in one row: what it is called, takes and defaults to, what help says of it, and whether
// a resumed run may change it. Everything else about an option is derived: see row.ts. A recipe's own options are rows
// of the same kind, see recipe-options.ts.
import { ENGINE_FACTS, type EngineName } from "../../engine/engines.js";
import { WIRES } from "../process-group.js";
import type { GivenOptions, OptionRows, OptionValues, WantedValues } from "./row.js";

export type { EngineName };
/** The engines' names, best first. */
export const ENGINES: readonly EngineName[] = ENGINE_FACTS.map(({ name }) => name);

/** A slip of the finger should not fork until the machine stands still. */
export const MOST_WORKERS = 1024;
/** A week: the longest that the all-reduce can wait. */
const LONGEST_TIMEOUT = 604_800;

/** Headings in help, in order. */
export const GROUPS = ["Start", "Train", "Distributed", "Output"] as const;

export const OPTIONS = {
  /** One worker per GPU: as `workers`, but with a warning when they cannot all have a GPU. */
  gpus: {
    group: "Start",
    help: "one worker per GPU on this machine",
    kind: { type: "whole", least: 1, most: MOST_WORKERS },
    default: null,
    defaultHelp: "the GPUs found, else 2 workers",
    storedAs: "workers",
    filledIn: true,
    allowedOnResume: true,
  },
  /** Number of workers on this machine, one per GPU where there are GPUs. */
  workers: {
    group: "Start",
    help: "the same, where there are no GPUs",
    kind: { type: "whole", least: 1, most: MOST_WORKERS },
    default: null,
    filledIn: true,
    allowedOnResume: true,
  },
  /** The engine that computes. */
  device: {
    group: "Start",
    help: "",
    kind: { type: "choice", of: ["auto", ...ENGINES] },
    value: "d",
    default: "auto",
    defaultHelp: "auto, the best that works",
    allowedOnResume: true,
  },
  /** Absolute path of the recipe's module; null means the built-in MNIST recipe. */
  recipe: {
    group: "Start",
    help: "a recipe of your own, .ts/.js/.mjs",
    kind: { type: "file", endings: [".ts", ".mts", ".js", ".mjs"] },
    default: null,
    defaultHelp: "the built-in MNIST recipe",
    // It must be given anew, and be the same: code runs only when the user names it.
    allowedOnResume: true,
  },
  /** Log folder of the run to go on with, or one of its checkpoints; few other options go with it. */
  resume: {
    group: "Start",
    help: "go on with the run in this log folder, from its last checkpoint or from this one",
    kind: { type: "text" },
    value: "path",
    default: null,
    storedAs: null,
    allowedOnResume: true,
  },
  /** Go on although the recipe's file, the data or its size is not what the run was trained on so far. */
  allowChangedData: {
    group: "Start",
    help: "resume although the recipe's file or the data has changed",
    kind: { type: "switch" },
    default: false,
    allowedOnResume: true,
  },
  /** The stages to run, in order; null means all of the recipe's. */
  stages: {
    group: "Train",
    help: "which of the recipe's stages, in order",
    kind: { type: "names", once: "a stage can run once" },
    default: null,
    defaultHelp: "all",
  },
  /** Epochs a stage; null leaves it to the recipe. */
  epochs: {
    group: "Train",
    help: "epochs a stage",
    kind: { type: "whole", least: 1 },
    default: null,
    defaultHelp: "the recipe's own",
  },
  /** Samples per batch and worker. */
  batchSize: {
    group: "Train",
    help: "samples a batch and worker",
    kind: { type: "whole", least: 1 },
    default: 32,
  },
  /** Absolute path of a safetensors file to start the weights from, or null. */
  initFrom: {
    group: "Train",
    help: "start from these weights (safetensors)",
    kind: { type: "file" },
    default: null,
  },
  /** Seed of everything random. */
  seed: { group: "Train", help: "seed of everything random", kind: { type: "whole", least: 0 }, default: 42 },
  /** What becomes of a batch whose loss or mean gradient is not finite on any rank: end the run, or leave it out. */
  onNan: {
    group: "Train",
    help: "a batch whose loss or gradient is not finite",
    kind: { type: "choice", of: ["stop", "skip"] },
    value: "do",
    default: "stop",
  },
  /** Seconds a rank waits for another in one collective before it gives up and says so. */
  timeout: {
    group: "Distributed",
    help: "seconds a worker waits for another before it gives up",
    kind: { type: "whole", least: 1, most: LONGEST_TIMEOUT },
    value: "s",
    default: 60,
    storedAs: "timeoutSeconds",
    allowedOnResume: true,
  },
  /** What gradients are while they travel between ranks. */
  wire: {
    group: "Distributed",
    help: "gradients on their way; 16 bits halve the bytes",
    kind: { type: "choice", of: WIRES },
    value: "f",
    default: "fp32",
  },
  /** Gradients travel in buckets of about so many MB (2^20 bytes); with 3 or more workers it decides their last bits. */
  bucketMb: {
    group: "Distributed",
    help: "gradients travel in buckets of so many MB",
    kind: { type: "whole", least: 1 },
    // As torch's DDP.
    default: 25,
  },
  /** How often a broken group is restarted from its last checkpoint before the run fails. */
  maxRestarts: {
    group: "Distributed",
    help: "after a fault, restart from the last checkpoint so often",
    kind: { type: "whole", least: 0 },
    default: 0,
    allowedOnResume: true,
  },
  /** Absolute path of the run's log folder. */
  logdir: {
    group: "Output",
    help: "where the run is written",
    kind: { type: "folder" },
    default: null,
    defaultHelp: "logs/<time>",
    filledIn: true,
  },
  /** Replace the run that the log folder holds. */
  overwrite: {
    group: "Output",
    help: "replace the run that the log folder holds",
    kind: { type: "switch" },
    default: false,
  },
  /** Save `last` also every so many train batches; null means at each epoch's end only. */
  checkpointEvery: {
    group: "Output",
    help: "save also every so many train batches",
    kind: { type: "whole", least: 1 },
    default: null,
    defaultHelp: "at each epoch's end",
    allowedOnResume: true,
  },
  /** Print warnings and errors only. */
  quiet: {
    group: "Output",
    help: "print warnings and errors only",
    kind: { type: "switch", on: "quiet" },
    default: "normal",
    storedAs: "verbosity",
    allowedOnResume: true,
  },
  /** Print more. */
  verbose: {
    group: "Output",
    help: "print more",
    kind: { type: "switch", on: "verbose" },
    default: "normal",
    storedAs: "verbosity",
    allowedOnResume: true,
  },
  /** Draw progress bars (on a terminal). */
  progress: {
    group: "Output",
    help: "draw no progress bars",
    kind: { type: "switch" },
    default: true,
    allowedOnResume: true,
  },
} as const satisfies OptionRows;

/** The trainer's own options, checked: plain data, sent to every worker and kept in config.json. */
export interface TrainerOptions extends OptionValues<typeof OPTIONS> {}

/** The trainer's options, but for those that the launcher fills in later: they may be null. */
export interface WantedTrainerOptions extends WantedValues<typeof OPTIONS> {}

/** What a caller may give of the trainer's options. */
export interface GivenTrainerOptions extends GivenOptions<typeof OPTIONS> {}

export type Device = TrainerOptions["device"];
export type OnNan = TrainerOptions["onNan"];
export type Verbosity = TrainerOptions["verbosity"];
