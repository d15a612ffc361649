#!/usr/bin/env node
// The `ddp-train` command.
import { runCommand } from "./command.js";

// A reader that goes away (`ddp-train | head`) or a terminal that is closed does not end the training.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
}

process.exit(await runCommand(process.argv.slice(2)));
