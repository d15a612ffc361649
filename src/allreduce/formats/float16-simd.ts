// The SIMD conversions of dist/allreduce/float16.wasm on whole arrays, block by block through the module's own memory.
import { readFileSync } from "node:fs";
import type { Wire } from "../../core/process-group.js";

/** The part used here: Node's own types leave WebAssembly to the DOM's. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** 16 bits a value. */
export type SixteenBits = Exclude<Wire, "fp32">;

/** Roundings are to nearest, ties to even. */
export interface Conversions {
  /** `target = round(target * scale)`. */
  round(target: Float32Array, scale: number): void;
  pack(source: Float32Array, target: Uint16Array): void;
  unpack(source: Uint16Array, target: Float32Array): void;
  /** `target = round(target + source)`. */
  add(target: Float32Array, source: Uint16Array): void;
  /** `target = round(target + source)`. */
  addTo(target: Uint16Array, source: Float32Array): void;
}

/** Addresses are bytes in the module's memory. */
type Convert = (target: number, source: number, count: number) => void;
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly packFp16: Convert;
  readonly unpackFp16: Convert;
  readonly packBf16: Convert;
  readonly unpackBf16: Convert;
  add(sum: number, part: number, count: number): void;
  scale(floats: number, count: number, factor: number): void;
}

/** A block with all that is made of it fits the first-level cache. */
const BLOCK = 4096;
const VALUES_AT = 0;
const PARTS_AT = VALUES_AT + BLOCK * Float32Array.BYTES_PER_ELEMENT;
const PACKED_AT = PARTS_AT + BLOCK * Float32Array.BYTES_PER_ELEMENT;

let loaded: Exports | null = null;

/** The conversions of one format. @throws Error when the module has not been built. */
export function conversionsOf(wire: SixteenBits): Conversions {
  loaded ??= load();
  const run = loaded;
  const pack = wire === "fp16" ? run.packFp16 : run.packBf16;
  const unpack = wire === "fp16" ? run.unpackFp16 : run.unpackBf16;
  const values = new Float32Array(run.memory.buffer, VALUES_AT, BLOCK);
  const parts = new Float32Array(run.memory.buffer, PARTS_AT, BLOCK);
  const packed = new Uint16Array(run.memory.buffer, PACKED_AT, BLOCK);
  return {
    round(target, scale) {
      inBlocks(target, (block) => {
        values.set(block);
        run.scale(VALUES_AT, block.length, scale);
        pack(PACKED_AT, VALUES_AT, block.length);
        unpack(VALUES_AT, PACKED_AT, block.length);
        block.set(values.subarray(0, block.length));
      });
    },
    pack(source, target) {
      inBlocks(target, (block, at) => {
        values.set(source.subarray(at, at + BLOCK));
        pack(PACKED_AT, VALUES_AT, block.length);
        block.set(packed.subarray(0, block.length));
      });
    },
    unpack(source, target) {
      inBlocks(target, (block, at) => {
        packed.set(source.subarray(at, at + BLOCK));
        unpack(VALUES_AT, PACKED_AT, block.length);
        block.set(values.subarray(0, block.length));
      });
    },
    add(target, source) {
      inBlocks(target, (block, at) => {
        packed.set(source.subarray(at, at + BLOCK));
        unpack(PARTS_AT, PACKED_AT, block.length);
        values.set(block);
        run.add(VALUES_AT, PARTS_AT, block.length);
        pack(PACKED_AT, VALUES_AT, block.length);
        unpack(VALUES_AT, PACKED_AT, block.length);
        block.set(values.subarray(0, block.length));
      });
    },
    addTo(target, source) {
      inBlocks(target, (block, at) => {
        packed.set(block);
        unpack(VALUES_AT, PACKED_AT, block.length);
        parts.set(source.subarray(at, at + BLOCK));
        run.add(VALUES_AT, PARTS_AT, block.length);
        pack(PACKED_AT, VALUES_AT, block.length);
        block.set(packed.subarray(0, block.length));
      });
    },
  };
}

function inBlocks<T extends Float32Array | Uint16Array>(
  array: T,
  body: (block: T, at: number) => void,
): void {
  for (let at = 0; at < array.length; at += BLOCK) body(array.subarray(at, at + BLOCK) as T, at);
}

function load(): Exports {
  // The same place from src and from dist.
  const place = new URL("../../../dist/allreduce/float16.wasm", import.meta.url);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(place);
  } catch {
    throw new Error("dist/allreduce/float16.wasm is missing (npm run build makes it)");
  }
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), {}).exports as Exports;
}
