// The log of one process: JSON lines in a file, one file a rank, by winston. People read the console; this is for
// the day after.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import winston from "winston";
import { logFile } from "./run-files.js";

/** The part of winston's logger that the project uses. */
export interface Log {
  debug(message: string, meta?: object): void;
  info(message: string, meta?: object): void;
  warn(message: string, meta?: object): void;
  error(message: string, meta?: object): void;
}

/** A log that writes JSON lines to `<folder>/<name>.log` at every level. Call `close` to flush it. */
export function openLog(folder: string, name: string): { log: Log; close(): Promise<void> } {
  mkdirSync(folder, { recursive: true });
  const file = new winston.transports.File({ filename: join(folder, logFile(name)) });
  const logger = winston.createLogger({
    level: "debug",
    defaultMeta: { source: name, pid: process.pid },
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    transports: [file],
  });
  return {
    log: logger,
    close: () =>
      new Promise((resolve) => {
        file.once("finish", resolve);
        logger.end();
      }),
  };
}
