// How help words an option: its flag and its line.
import { valueName } from "./kinds.js";
import { flagOf, type OptionRow } from "./row.js";

/** `--epochs <n>`, `--overwrite`; a switch that is on by default has only the flag that turns it off. */
export function helpFlag(key: string, { kind, value, default: preset }: OptionRow): string {
  const flag = flagOf(key);
  if (kind.type === "switch") return preset === true ? flag.replace("--", "--no-") : flag;
  return `${flag} <${value ?? valueName(kind)}>`;
}

/** `fp32 | fp16 | bf16: gradients on their way (default: fp32)` */
export function helpLine({ kind, help, default: preset, defaultHelp }: OptionRow): string {
  const parts = [...(kind.type === "choice" ? [kind.of.join(" | ")] : []), ...(help === "" ? [] : [help])];
  const shown = typeof preset === "object" || kind.type === "switch" ? undefined : String(preset);
  const said = defaultHelp ?? shown;
  return `${parts.join(": ")}${said === undefined ? "" : ` (default: ${said})`}`;
}
