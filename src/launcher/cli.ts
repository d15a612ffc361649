#!/usr/bin/env node
// The `ddp-train` command.
import { runCommand } from "./commands/run-command.js";
import { STOP_SIGNALS } from "./processes/interruption.js";

// A reader that goes away (`ddp-train | head`) or a terminal that is closed does not end the training.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
}

// The command answers signals while it runs; one that comes after that must not change the exit code.
for (const signal of STOP_SIGNALS) process.on(signal, () => {});

process.exit(await runCommand(process.argv.slice(2)));
