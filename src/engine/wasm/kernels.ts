// The SIMD kernels of dist/engine/kernels.wasm, bound to the memory of the tfjs wasm backend. Addresses are bytes in
// that memory, which may grow and so change its buffer: views are made anew for each use.
import { readFileSync } from "node:fs";
import type { DataType, TensorInfo } from "@tensorflow/tfjs-core";
import { tf } from "../tf.js";
import { GEOMETRY, type KernelExports } from "./exports.js";

/** The part used here: Node's own types leave WebAssembly to the DOM's. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** What a kernel needs of tfjs's wasm backend; most of it is not in its type declarations. */
export interface WasmBackend {
  readonly wasm: {
    readonly HEAPU8: Uint8Array;
    readonly asm: { readonly memory: object };
    readonly tfjs: {
      disposeData(id: number): void;
      registerTensor(id: number, size: number, address: number): void;
    };
    _malloc(bytes: number): number;
    _free(address: number): void;
  };
  readonly dataIdMap: {
    get(dataId: object): { readonly id: number; readonly memoryOffset: number; readonly refCount: number };
  };
  makeOutput(shape: readonly number[], dtype: DataType): TensorInfo;
}

/** The shapes of a convolution or pooling, see module/geometry.ts. */
export type Geometry = Readonly<Record<(typeof GEOMETRY)[number], number>>;

/** Kernels on one backend's memory. */
export class Kernels {
  readonly backend: WasmBackend;
  readonly run: KernelExports;
  /** False leaves every operation to tfjs's own kernels, for comparison. */
  enabled = true;
  #scratch = 0;
  #scratchBytes = 0;
  #geometry = 0;

  /** @throws Error when the module has not been built. */
  constructor(backend: WasmBackend) {
    const { memory } = backend.wasm.asm;
    const module = new WebAssembly.Module(readModule());
    this.backend = backend;
    this.run = new WebAssembly.Instance(module, { env: { memory } }).exports as KernelExports;
  }

  /** Where a tensor's values are. */
  address(tensor: { readonly dataId: object }): number {
    return this.backend.dataIdMap.get(tensor.dataId).memoryOffset;
  }

  /** Memory of at least so many bytes for use within one kernel: its content does not last. */
  scratch(bytes: number): number {
    if (bytes <= this.#scratchBytes) return this.#scratch;
    if (this.#scratch !== 0) this.backend.wasm._free(this.#scratch);
    this.#scratchBytes = 0;
    this.#scratch = this.#allocate(bytes);
    this.#scratchBytes = bytes;
    return this.#scratch;
  }

  /** Writes the struct that kernels take; returns its address, which holds it until the next is written. */
  geometry(values: Geometry): number {
    if (this.#geometry === 0) this.#geometry = this.#allocate(GEOMETRY.length * 4);
    const struct = new Int32Array(this.backend.wasm.HEAPU8.buffer, this.#geometry, GEOMETRY.length);
    for (let i = 0; i < GEOMETRY.length; i++) struct[i] = values[GEOMETRY[i]];
    return this.#geometry;
  }

  /** A new float32 tensor whose values are undefined. */
  output(shape: readonly number[]): TensorInfo {
    return this.backend.makeOutput(shape, "float32");
  }

  /** `length` floats of the memory, until it grows. */
  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.backend.wasm.HEAPU8.buffer, address, length);
  }

  /** A tensor's values in the memory, until it grows. */
  values(tensor: TensorInfo, length: number): Float32Array | Int32Array {
    const { buffer } = this.backend.wasm.HEAPU8;
    const address = this.address(tensor);
    return tensor.dtype === "float32"
      ? new Float32Array(buffer, address, length)
      : new Int32Array(buffer, address, length);
  }

  #allocate(bytes: number): number {
    const address = this.backend.wasm._malloc(bytes) >>> 0;
    if (address === 0) throw new Error(`the wasm engine is out of memory: ${bytes} bytes are not to be had`);
    return address;
  }
}

const installed = new WeakMap<object, Kernels>();

/** Remembers the kernels of a backend. */
export function setKernels(kernels: Kernels): void {
  installed.set(kernels.backend, kernels);
}

/** The current backend's kernels; null on other engines and where they are switched off. */
export function currentKernels(): Kernels | null {
  const kernels = installed.get(tf.backend());
  return kernels?.enabled ? kernels : null;
}

function readModule(): Uint8Array {
  // From src/engine/wasm (tests) and from dist/engine/wasm alike.
  const place = new URL("../../../dist/engine/kernels.wasm", import.meta.url);
  try {
    return readFileSync(place);
  } catch {
    throw new Error("dist/engine/kernels.wasm is missing (npm run build makes it)");
  }
}
