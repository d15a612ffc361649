// The IDX reader: round trips, and every way in which a file can be wrong.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UsageError } from "../../../src/core/errors.js";
import { readIdx, writeIdx } from "../../../src/data/idx.js";
import { temporaryFolder } from "../../support/data-files.js";

const data = Uint8Array.from({ length: 24 }, (_, i) => i * 10);

for (const name of ["plain", "zipped.gz"]) {
  test(`what is written is read back: ${name}`, (t) => {
    const path = join(temporaryFolder(t), name);
    writeIdx(path, [2, 3, 4], data);
    const array = readIdx(path);
    assert.deepEqual(array.shape, [2, 3, 4]);
    assert.deepEqual(new Uint8Array(array.data), data);
  });
}

test("the bytes are the format's", (t) => {
  const path = join(temporaryFolder(t), "file");
  writeIdx(path, [1, 300], new Uint8Array(300));
  assert.deepEqual([...readFileSync(path).subarray(0, 13)], [0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 1, 44, 0]);
});

test("gzip is known by its content, not by its name", (t) => {
  const folder = temporaryFolder(t);
  writeIdx(join(folder, "a"), [24], data);
  writeFileSync(join(folder, "b.gz"), readFileSync(join(folder, "a")));
  writeFileSync(join(folder, "c"), gzipSync(readFileSync(join(folder, "a"))));
  assert.deepEqual(readIdx(join(folder, "b.gz")).shape, [24]);
  assert.deepEqual(readIdx(join(folder, "c")).shape, [24]);
});

test("an array that holds nothing is an array", (t) => {
  const path = join(temporaryFolder(t), "file");
  writeIdx(path, [0, 28, 28], new Uint8Array(0));
  assert.deepEqual(readIdx(path).shape, [0, 28, 28]);
});

test("a shape that does not fit the data is not written", (t) => {
  assert.throws(() => writeIdx(join(temporaryFolder(t), "file"), [5, 5], data), /shape \[5, 5\].*24/);
});

const whole = Buffer.concat([Buffer.from([0, 0, 8, 2, 0, 0, 0, 4, 0, 0, 0, 6]), data]);
const noise = Uint8Array.from({ length: 6000 }, (_, i) => (i * i * 31) % 251);
const long = Buffer.concat([Buffer.from([0, 0, 8, 1, 0, 0, 0x17, 0x70]), noise]);
const zipped = gzipSync(long);
const flipped = Buffer.from(zipped);
flipped[zipped.length - 6] ^= 0xff;
const huge = Buffer.from([0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3]);

const wrong: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ["empty", Buffer.alloc(0), /is empty, expected 00 00 08/],
  ["three bytes", whole.subarray(0, 3), /begins with 00 00 08, expected 00 00 08 and the number of dim/],
  ["a web page", Buffer.from("<html></html>"), /begins with 3c 68 74 6d, expected 00 00 08/],
  ["a zipped web page", gzipSync("<html></html>"), /begins with 3c 68 74 6d, expected 00 00 08/],
  ["floats", Buffer.from([0, 0, 13, 1, 0, 0, 0, 0]), /type 0d \(float32\), expected 08/],
  ["an unknown type", Buffer.from([0, 0, 7, 1, 0, 0, 0, 0]), /type 07, expected 08/],
  ["no dimensions", Buffer.from([0, 0, 8, 0, 5]), /0 dimensions, expected at least 1/],
  ["a header cut off", whole.subarray(0, 9), /9 bytes, expected at least 12 for 2 dimensions/],
  ["data cut off", whole.subarray(0, 35), /holds 35 bytes, expected 36 for its 4 x 6 values/],
  ["bytes too many", Buffer.concat([whole, Buffer.from([7])]), /holds 37 bytes, expected 36/],
  ["zipped data cut off", gzipSync(long.subarray(0, 5000)), /holds 5000 bytes, expected 6008/],
  ["zipped bytes too many", gzipSync(Buffer.concat([long, noise])), /holds .* bytes, expected 6008/],
  ["a zip bomb", gzipSync(Buffer.concat([long, Buffer.alloc(20e6)])), /more than 6008 bytes, expected 6008/],
  ["zip cut off", zipped.subarray(0, zipped.length - 20), /cut off gzip file of \d+ bytes \(unexpected end/],
  ["zip cut off at once", zipped.subarray(0, 5), /begins with|is empty|cut off gzip/],
  ["zip damaged", flipped, /damaged or cut off gzip file of \d+ bytes/],
  ["zip with a tail", Buffer.concat([zipped, Buffer.from("tail")]), /damaged or cut off gzip file/],
  [
    "a huge claim",
    huge,
    /announces 4294967295 x 4294967295 x 4294967295 values.*expected at most 1073741824/,
  ],
  ["a huge claim, zipped", gzipSync(huge), /announces 4294967295 x .*expected at most 1073741824/],
  // 2^32 to the 32nd overflows to Infinity, and Infinity times 0 is no number.
  [
    "a claim that is no number, over a zip bomb",
    gzipSync(Buffer.concat([Buffer.from([0, 0, 8, 41]), Buffer.alloc(160, 255), Buffer.alloc(20e6)])),
    /announces 4294967295 x .*expected at most 1073741824/,
  ],
  ["a large claim", Buffer.from([0, 0, 8, 1, 0x3f, 0xff, 0xff, 0, 1]), /holds 9 bytes, expected 1073741576/],
];

for (const [name, bytes, message] of wrong) {
  test(`refused, with its name: ${name}`, (t) => {
    const path = writeBytes(t, bytes);
    const before = process.memoryUsage().arrayBuffers;
    assert.throws(
      () => readIdx(path),
      (error) => {
        assert.ok(error instanceof UsageError, String(error));
        assert.match(error.message, message);
        assert.ok(error.message.includes(path) && !error.message.includes("\n"), error.message);
        return true;
      },
    );
    assert.ok(process.memoryUsage().arrayBuffers - before < 10e6, "no claim allocates");
  });
}

test("a file that is not there, or a folder, is named", (t) => {
  const folder = temporaryFolder(t);
  for (const path of [join(folder, "absent"), folder]) {
    assert.throws(
      () => readIdx(path),
      (error) => error instanceof UsageError && error.message.includes(path),
    );
  }
});

function writeBytes(t: TestContext, bytes: Uint8Array): string {
  const path = join(temporaryFolder(t), "file");
  writeFileSync(path, bytes);
  return path;
}
