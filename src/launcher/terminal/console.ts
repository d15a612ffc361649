// The launcher's own words: results and news on stdout, warnings and failures on stderr, emphasis on a terminal only.
import { styleText } from "node:util";
import type { Verbosity } from "../../core/options/table.js";

export interface Console {
  /** News for the person watching; silent when quiet. */
  info(line: string): void;
  warn(line: string): void;
  /** An answer to the person at the keyboard, however quiet. */
  notice(line: string): void;
  /** A line that a worker wrote, as it is. */
  relay(line: string, stream: "stdout" | "stderr"): void;
  /** Emphasis for text on stdout. */
  bold(text: string): string;
}

export interface Streams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: NodeJS.ProcessEnv;
}

export function openConsole({ stdout, stderr, env }: Streams, verbosity: Verbosity): Console {
  const styled = (stream: NodeJS.WritableStream, format: "bold" | "yellow", text: string) =>
    "isTTY" in stream && stream.isTTY && !env.NO_COLOR ? styleText(format, text) : text;
  return {
    info: (line) => void (verbosity !== "quiet" && stdout.write(`${line}\n`)),
    warn: (line) => void stderr.write(`${styled(stderr, "yellow", "warning:")} ${line}\n`),
    notice: (line) => void stderr.write(`ddp-train: ${line}\n`),
    relay: (line, stream) => void (stream === "stdout" ? stdout : stderr).write(`${line}\n`),
    bold: (text) => styled(stdout, "bold", text),
  };
}
