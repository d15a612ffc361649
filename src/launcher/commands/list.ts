// All commands of `ddp-train`. The first is the one that may be left out.
import type { Command } from "./command.js";
import { report } from "./report.js";
import { train } from "./train.js";

export const COMMANDS: readonly [Command, ...Command[]] = [train, report];
