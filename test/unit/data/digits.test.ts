// The built-in digits: the same bytes everywhere, all ten drawn, cached, and redone when the cache is not whole.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UsageError } from "../../../src/core/errors.js";
import { STYLES } from "../../../src/data/digit-shapes.js";
import { DIGITS_FILES, prepareDigits } from "../../../src/data/digits.js";
import { drawDigits } from "../../../src/data/draw-digits.js";
import { readMnistFiles, sha256 } from "../../../src/data/mnist-files.js";
import { temporaryFolder } from "../../support/data-files.js";

test("the files are byte for byte the recorded ones, drawn once, and redone when damaged", (t) => {
  const folder = join(temporaryFolder(t), "digits");
  const lines: string[] = [];
  prepareDigits(folder, (line) => void lines.push(line));
  assert.equal(lines.at(-1), "drawing the built-in digits: 70000 of 70000");
  assert.equal(lines.length, 7);

  const hashes = new Map<string, string>();
  const { train, valid } = readMnistFiles(folder, (name, content) => void hashes.set(name, sha256(content)));
  assert.deepEqual([train.count, valid.count], [60_000, 10_000]);
  for (const file of DIGITS_FILES) assert.equal(hashes.get(file.name), file.sha256, file.name);
  assert.deepEqual(readdirSync(folder).length, 4, "nothing but the files");

  const written = statSync(join(folder, DIGITS_FILES[0].name)).mtimeMs;
  prepareDigits(folder, () => assert.fail("drawn again though whole"));
  assert.equal(statSync(join(folder, DIGITS_FILES[0].name)).mtimeMs, written);

  const labels = join(folder, DIGITS_FILES[3].name);
  truncateSync(labels, 100);
  prepareDigits(folder, () => {});
  assert.equal(sha256(readFileSync(labels)), DIGITS_FILES[3].sha256);
});

test("a seed gives the same digits, another seed others, a longer set begins like a shorter", () => {
  const some = drawDigits(50, 7);
  const again = drawDigits(80, 7);
  assert.deepEqual(again.images.subarray(0, some.images.length), some.images);
  assert.deepEqual(again.labels.subarray(0, 50), some.labels);
  assert.notDeepEqual(drawDigits(50, 8).images, some.images);
});

test("all ten digits occur about equally, in ink that is neither absent nor everywhere", () => {
  const { images, labels } = drawDigits(5000, 3);
  const counts = new Array<number>(10).fill(0);
  for (const label of labels) counts[label]++;
  for (const count of counts) assert.ok(Math.abs(count - 500) < 110, `counts ${counts}`);
  let faint = 0;
  for (let i = 0; i < 5000; i++) {
    let ink = 0;
    for (const pixel of images.subarray(i * 784, (i + 1) * 784)) if (pixel > 100) ink++;
    assert.ok(ink < 400, `image ${i} has ${ink} dark pixels`);
    if (ink < 20) faint++;
  }
  // A small "1" with a gap may leave little.
  assert.ok(faint < 10, `${faint} of 5000 images are nearly empty`);
});

test("digits of one class look more alike than digits of two", () => {
  const { images, labels } = drawDigits(2000, 5);
  const means = Array.from({ length: 10 }, () => new Float64Array(784));
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 1000; i++) {
    counts[labels[i]]++;
    for (let p = 0; p < 784; p++) means[labels[i]][p] += images[i * 784 + p];
  }
  let right = 0;
  for (let i = 1000; i < 2000; i++) {
    const distances = means.map((mean, digit) => {
      let sum = 0;
      for (let p = 0; p < 784; p++) sum += (images[i * 784 + p] - mean[p] / counts[digit]) ** 2;
      return sum;
    });
    if (distances.indexOf(Math.min(...distances)) === labels[i]) right++;
  }
  // Guessing gives 100; MNIST itself about 800. Far above that the digits would be too easy to show anything.
  assert.ok(right > 550 && right < 900, `nearest class mean: ${right} of 1000`);
});

test("every style is inside its box, and its strokes are connected lines", () => {
  assert.equal(STYLES.length, 10);
  for (const [digit, styles] of STYLES.entries()) {
    assert.ok(styles.length >= 3);
    for (const segments of styles) {
      assert.equal(segments.length % 4, 0);
      for (let i = 0; i < segments.length; i += 2) {
        const [x, y] = [segments[i], segments[i + 1]];
        assert.ok(Math.abs(x) <= 0.75 && Math.abs(y) <= 1.1, `digit ${digit} reaches ${x}, ${y}`);
      }
    }
  }
});

test("a folder that cannot be written is the caller's mistake", (t) => {
  const file = join(temporaryFolder(t), "file");
  writeFileSync(file, "");
  assert.throws(
    () => prepareDigits(join(file, "digits"), () => {}),
    (error) => error instanceof UsageError && /--data-dir/.test(error.message),
  );
});
