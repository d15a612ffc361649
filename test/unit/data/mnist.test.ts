// Where the dataset comes from: the folder, a download, the built-in digits; and what is refused.
import assert from "node:assert/strict";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import "@tensorflow/tfjs-backend-cpu";
import { RunError, UsageError } from "../../../src/core/errors.js";
import type { DatasetChoice } from "../../../src/core/options/train-options.js";
import { writeIdx } from "../../../src/data/idx.js";
import { loadMnist, type PreparedMnist, prepareMnist } from "../../../src/data/mnist.js";
import { MNIST_FILES } from "../../../src/data/mnist-files.js";
import { assertUnchanged } from "../../../src/data/unchanged.js";
import { temporaryFolder, writeTinyMnist } from "../../support/data-files.js";
import { mnistDir } from "../../support/golden.js";

/** With a mirror that nobody listens at: no test reaches the internet. */
function prepare(
  dataset: DatasetChoice,
  dataDir: string,
  mirror = "http://127.0.0.1:1/",
): Promise<PreparedMnist> {
  return prepareMnist({ dataset, dataDir, report: () => {}, download: { mirrors: [mirror] } });
}

function refuses(promise: Promise<unknown>, ...messages: readonly RegExp[]): Promise<void> {
  return assert.rejects(promise, (error: Error) => {
    assert.ok(error instanceof UsageError, error.stack);
    for (const message of messages) assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
}

for (const place of ["", "mnist"]) {
  for (const ending of ["", ".gz"] as const) {
    test(`files in the data folder are taken: <dataDir>/${place}, ending "${ending}"`, async (t) => {
      const dataDir = temporaryFolder(t);
      writeTinyMnist(join(dataDir, place), 12, 5, ending);
      for (const dataset of ["auto", "mnist"] as const) {
        const prepared = await prepare(dataset, dataDir);
        const { sha256, stamps, ...rest } = prepared;
        const folder = join(dataDir, place);
        const expected = { dataset: "mnist", folder, official: false, train: 12, valid: 5, notice: null };
        assert.deepEqual(rest, expected);
        assert.deepEqual(Object.keys(sha256).sort(), MNIST_FILES.map(({ name }) => name).sort());
        assert.deepEqual(Object.keys(stamps), Object.keys(sha256));
        assert.deepEqual(JSON.parse(JSON.stringify(prepared)), prepared, "plain JSON");

        const { train, valid } = loadMnist(prepared);
        assert.deepEqual([train.length, valid.length], [12, 5]);
        const [x, y] = train.collate(Int32Array.of(11, 2));
        assert.deepEqual([...(await y.data())], [1, 2]);
        const values = await x.data();
        assert.deepEqual([values[783], values[784]], [Math.fround(11 / 255), Math.fround(2 / 255)]);
      }
    });
  }
}

test("the hashes are of the content, zipped or not", async (t) => {
  const [plain, zipped] = [temporaryFolder(t), temporaryFolder(t)];
  writeTinyMnist(plain);
  writeTinyMnist(zipped, 12, 5, ".gz");
  assert.deepEqual((await prepare("mnist", plain)).sha256, (await prepare("mnist", zipped)).sha256);
});

test("only some of the files: the missing are named, whatever was chosen", async (t) => {
  const dataDir = temporaryFolder(t);
  writeTinyMnist(dataDir);
  rmSync(join(dataDir, "t10k-labels-idx1-ubyte"));
  for (const dataset of ["auto", "mnist"] as const) {
    await refuses(prepare(dataset, dataDir), /only some.*add t10k-labels-idx1-ubyte \(plain or .gz\)/);
  }
});

const damages: readonly (readonly [string, (folder: string) => void, RegExp])[] = [
  [
    "cut off",
    (folder) => truncateSync(join(folder, "t10k-images-idx3-ubyte"), 1000),
    /t10k-images-idx3-ubyte.*1000 bytes, expected 3936/,
  ],
  [
    "other images",
    (folder) => writeIdx(join(folder, "train-images-idx3-ubyte"), [12, 32, 32], new Uint8Array(12 * 1024)),
    /train-images-idx3-ubyte holds 12 x 32 x 32 values, expected images: n x 28 x 28/,
  ],
  [
    "no images",
    (folder) => writeIdx(join(folder, "train-images-idx3-ubyte"), [0, 28, 28], new Uint8Array(0)),
    /train-images-idx3-ubyte holds 0 x 28 x 28/,
  ],
  [
    "images for labels",
    (folder) => writeIdx(join(folder, "t10k-labels-idx1-ubyte"), [5, 1], new Uint8Array(5)),
    /t10k-labels-idx1-ubyte holds 5 x 1 values, expected labels: one dimension/,
  ],
  [
    "too few labels",
    (folder) => writeIdx(join(folder, "train-labels-idx1-ubyte"), [11], new Uint8Array(11)),
    /train-labels-idx1-ubyte holds 11 labels, expected 12: one for each image of .*train-images/,
  ],
  [
    "a label too large",
    (folder) => writeIdx(join(folder, "t10k-labels-idx1-ubyte"), [5], Uint8Array.of(0, 9, 10, 1, 2)),
    /t10k-labels-idx1-ubyte holds label 10 at place 2, expected 0 to 9/,
  ],
];
for (const [name, damage, message] of damages) {
  test(`a wrong file is named, whatever was chosen: ${name}`, async (t) => {
    const dataDir = temporaryFolder(t);
    writeTinyMnist(dataDir);
    const prepared = await prepare("auto", dataDir);
    damage(dataDir);
    await refuses(prepare("auto", dataDir), message);
    await refuses(prepare("mnist", dataDir), message);
    assert.throws(() => loadMnist(prepared), message);
  });
}

test("a file that changes after it was checked is noticed, whatever its time says", async (t) => {
  const dataDir = temporaryFolder(t);
  writeTinyMnist(dataDir);
  const prepared = await prepare("mnist", dataDir);
  const path = join(dataDir, "t10k-labels-idx1-ubyte");
  const notices = (message: RegExp) => {
    for (const look of [() => assertUnchanged(prepared), () => loadMnist(prepared)]) {
      assert.throws(look, (error: Error) => {
        assert.ok(error instanceof RunError || error instanceof UsageError, error.stack);
        assert.ok(error.message.includes(path) || error.message.includes(dataDir), error.message);
        assert.match(error.message, message);
        return true;
      });
    }
  };
  assertUnchanged(prepared);
  const before = readFileSync(path);
  utimesSync(path, 1e9, 1e9);
  assertUnchanged(prepared);

  writeIdx(path, [5], Uint8Array.of(9, 8, 7, 6, 5));
  notices(
    /t10k-labels-idx1-ubyte has changed since the run began \(SHA-256 [0-9a-f]{12}…, was [0-9a-f]{12}…\)/,
  );
  truncateSync(path, 10);
  notices(/t10k-labels-idx1-ubyte (has changed since the run began|is damaged or cut off)/);
  rmSync(path);
  notices(/t10k-labels-idx1-ubyte/);
  assert.throws(() => assertUnchanged(prepared), RunError);
  writeFileSync(path, before);
  assertUnchanged(prepared);
  loadMnist(prepared);
});

test("--dataset mnist refuses without files and net, and says what to do", async (t) => {
  const dataDir = temporaryFolder(t);
  await refuses(prepare("mnist", dataDir), /could not download/, /put train-images-idx3-ubyte.gz, .*into /);
  assert.deepEqual(
    readdirSync(dataDir, { recursive: true }),
    ["mnist"],
    "nothing is left but an empty folder",
  );
});

test("--dataset auto falls back to the digits and says so; digits alone are silent", async (t) => {
  const dataDir = temporaryFolder(t);
  const prepared = await prepare("auto", dataDir);
  assert.match(prepared.notice ?? "", /built-in digits, NOT on MNIST: could not download .*127\.0\.0\.1/);
  assert.match(prepared.notice ?? "", /put train-images-idx3-ubyte.gz.*--dataset digits/);
  const { notice, ...rest } = prepared;
  assert.deepEqual([rest.dataset, rest.official, rest.train, rest.valid], ["digits", true, 60_000, 10_000]);
  assert.equal(rest.folder, join(dataDir, "digits"));

  assert.deepEqual(await prepare("digits", dataDir), { ...rest, notice: null });
  // The cached digits are not taken for MNIST.
  await refuses(prepare("mnist", dataDir), /could not download/);
});

test("--dataset digits does not look at other files", async (t) => {
  const dataDir = temporaryFolder(t);
  writeTinyMnist(dataDir);
  rmSync(join(dataDir, "t10k-labels-idx1-ubyte"));
  assert.equal((await prepare("digits", dataDir)).dataset, "digits");
});

test("an unusable data folder is refused, not worked around", async (t) => {
  const file = join(temporaryFolder(t), "file");
  writeFileSync(file, "");
  await refuses(prepare("auto", file), /data folder .*--data-dir/);
  await refuses(prepare("digits", file), /cannot write .*--data-dir/);
});

const golden = mnistDir();
test("the real files are official, and hold what they should", { skip: golden.skip }, async () => {
  const prepared = await prepare("mnist", golden.path);
  assert.deepEqual([prepared.official, prepared.train, prepared.valid], [true, 60_000, 10_000]);
  const { train } = loadMnist(prepared);
  const [x, y] = train.collate(Int32Array.of(0, 1, 2, 3, 4));
  assert.deepEqual(x.shape, [5, 28, 28]);
  assert.deepEqual([...(await y.data())], [5, 0, 4, 1, 9], "MNIST begins 5 0 4 1 9");
});

test("the real files are downloaded and official", { skip: golden.skip }, async (t) => {
  const dataDir = temporaryFolder(t);
  const prepared = await prepare("auto", dataDir, await serveFolder(t, golden.path));
  assert.deepEqual([prepared.dataset, prepared.official, prepared.notice], ["mnist", true, null]);
  assert.deepEqual(readdirSync(join(dataDir, "mnist")).length, 4);
});

test("an unfinished download is no reason to refuse", async (t) => {
  const dataDir = temporaryFolder(t);
  mkdirSync(join(dataDir, "mnist"));
  writeFileSync(join(dataDir, "mnist", "train-images-idx3-ubyte.gz.part"), "unfinished");
  const prepared = await prepare("auto", dataDir);
  assert.equal(prepared.dataset, "digits");
});

async function serveFolder(t: TestContext, folder: string): Promise<string> {
  const server = createServer((request, response) => {
    response.end(readFileSync(join(folder, request.url!.slice(1))));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
