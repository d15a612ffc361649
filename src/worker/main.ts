// The worker's process: speaks the protocol with the launcher, and ends with it. Heavy libraries are imported only
// when a message asks for them, so that a probe stays light.
import { ExitCode, serializeError, UsageError } from "../core/errors.js";
import type { FromWorker, Position, Prepared, ToWorker } from "../core/protocol.js";
import { notePosition } from "./position.js";
import { watchParent } from "./watchdog.js";

/** Where the run is: part of the report when it breaks. */
let position: Position | null = null;
let ending = false;
let start: (prepared: Prepared) => void;
const interruption = new AbortController();
const started = new Promise<Prepared>((resolve) => {
  start = resolve;
});

process.on("message", (message: ToWorker) => {
  if (message.type === "start") start(message.prepared);
  else if (message.type === "interrupt") interruption.abort();
  else if (message.type === "probe") finishWith(probe(message));
  else if (message.type === "describe") finishWith(describe(message.recipe));
  else finishWith(train(message));
});
// Nobody is left to report to: do not live on as an orphan.
process.on("disconnect", () => process.exit(ending ? ExitCode.ok : ExitCode.failed));
// Terminals, service managers and schedulers signal every process of a group; the launcher decides what becomes of it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
// The reader of our output may leave before us (`| head`, a closed terminal): that is no reason to lose a run.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

async function probe({ device, workers, recipe }: Extract<ToWorker, { type: "probe" }>): Promise<void> {
  const { countGpus } = await import("../engine/gpus.js");
  const { chooseEngine } = await import("../engine/probe.js");
  const gpus = countGpus();
  try {
    await send({ type: "probed", choice: await chooseEngine(device, workers, gpus), gpus });
  } catch (error) {
    await send({ type: "probe-failed", error: serializeError(error) });
    return;
  }
  if (recipe !== null) await describe(recipe);
}

async function describe(path: string): Promise<void> {
  const { describeRecipe } = await import("./stage/describe-recipe.js");
  try {
    await send({ type: "described", options: await describeRecipe(path) });
  } catch (error) {
    await send({ type: "describe-failed", error: serializeError(error) });
  }
}

async function train(init: Extract<ToWorker, { type: "init" }>): Promise<void> {
  watchParent();
  const { runWorker } = await import("./run-worker.js");
  const end = await runWorker(init, {
    prepared: (prepared) => send({ type: "prepared", prepared }),
    started,
    interrupted: interruption.signal,
    status: (message, level = "info") => void send({ type: "status", message, level }),
    at: (now) => {
      notePosition(now);
      const isNewLoader = position?.loader !== now.loader || position.epoch !== now.epoch;
      // Before its first loader a resumed run may not have loaded all that it starts from.
      if (now.loader !== "" && (isNewLoader || position?.stage !== now.stage)) {
        void send({ type: "at", position: now });
      }
      position = now;
    },
    recorded: (results) => void send({ type: "recorded", results }),
  });
  await send({ type: "done", ...end });
}

function finishWith(work: Promise<void>): void {
  work.then(() => {
    ending = true;
    process.exit(ExitCode.ok);
  }, fail);
}

/** Reports the first thing that broke, and ends. */
async function fail(error: unknown): Promise<void> {
  if (ending) return;
  ending = true;
  await send({ type: "failed", error: serializeError(error), position });
  process.exit(error instanceof UsageError ? ExitCode.usage : ExitCode.failed);
}

/** Resolves once the message is on its way, so that an exit cannot lose it. */
function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) resolve();
    else process.send(message, () => resolve());
  });
}
