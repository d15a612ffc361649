// Both ways to compute on the wasm backend: this project's kernels and tfjs's own, one after the other.
import assert from "node:assert/strict";
import { loadEngine } from "../../src/engine/load.js";
import { tf } from "../../src/engine/tf.js";
import { currentKernels, type Kernels } from "../../src/engine/wasm/kernels.js";

let kernels: Kernels | null = null;

/** Loads the wasm engine with this project's kernels. @throws when they are not built (npm run build). */
export async function loadKernels(): Promise<Kernels> {
  const description = await loadEngine("wasm");
  kernels ??= currentKernels();
  assert.ok(kernels, `${description}: these tests want this project's kernels`);
  return kernels;
}

/** Runs `compute` with tfjs's own kernels. */
export function withStock<T>(compute: () => T): T {
  assert.ok(kernels);
  kernels.enabled = false;
  try {
    return compute();
  } finally {
    kernels.enabled = true;
  }
}

/** Numbers in -1 to 1, the same every time; `zeros` is the share of them that are 0. */
export function numbers(length: number, seed = 1, zeros = 0): Float32Array {
  const values = new Float32Array(length);
  let state = seed * 2654435761 + 12345;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < length; i++) {
    const value = next() * 2 - 1;
    values[i] = next() < zeros ? 0 : value;
  }
  return values;
}

/** A tensor of {@link numbers}. */
export function random(shape: number[], seed = 1, zeros = 0): tf.Tensor {
  return tf.tensor(
    numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
      zeros,
    ),
    shape,
  );
}

/** Fails unless all elements are within `tolerance`, relative to the largest. */
export function assertClose(actual: tf.Tensor, expected: tf.Tensor, tolerance: number, what: string): void {
  assert.deepEqual(actual.shape, expected.shape, `${what}: shape`);
  const [got, want] = [actual.dataSync(), expected.dataSync()];
  let scale = 1e-30;
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    scale = Math.max(scale, Math.abs(want[i]));
    worst = Math.max(worst, Number.isNaN(got[i]) ? Number.POSITIVE_INFINITY : Math.abs(got[i] - want[i]));
  }
  assert.ok(worst <= tolerance * scale, `${what}: off by ${worst} where the largest is ${scale}`);
}

/** The bits of a float32 tensor. */
export function bits(tensor: tf.Tensor): Uint8Array {
  return new Uint8Array((tensor.dataSync() as Float32Array).slice().buffer);
}
