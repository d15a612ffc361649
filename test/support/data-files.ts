// Small data files for tests: folders that go away with their test, and MNIST-shaped sets of a few images.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { writeIdx } from "../../src/data/idx.js";

/** A new empty folder, removed when the test ends. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "ddp-train-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes the four files with `train` and `valid` images; image i is filled with byte i % 256, its label is i % 10. */
export function writeTinyMnist(folder: string, train = 12, valid = 5, ending: "" | ".gz" = ""): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, count] of [
    ["train", train],
    ["t10k", valid],
  ] as const) {
    const images = Uint8Array.from({ length: count * 784 }, (_, i) => Math.floor(i / 784));
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    writeIdx(join(folder, `${name}-images-idx3-ubyte${ending}`), [count, 28, 28], images);
    writeIdx(join(folder, `${name}-labels-idx1-ubyte${ending}`), [count], labels);
  }
}
