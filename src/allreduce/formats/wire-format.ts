// What a value is on its way between ranks, by the name that an all-reduce is given.
import type { Wire } from "../../core/process-group.js";
import { float16 } from "./float16.js";
import type { SixteenBits } from "./float16-simd.js";
import { float32 } from "./float32.js";
import type { WireFormat } from "./format.js";

const loaded = new Map<SixteenBits, WireFormat>();

/** The format of a wire; those of 16 bits are loaded when they are first asked for. */
export function wireFormat(wire: Wire): WireFormat {
  if (wire === "fp32") return float32;
  let format = loaded.get(wire);
  if (format === undefined) {
    format = float16(wire);
    loaded.set(wire, format);
  }
  return format;
}
