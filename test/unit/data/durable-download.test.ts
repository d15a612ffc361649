// A downloaded file has its name only when its bytes are on disk.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { downloadMnist } from "../../../src/data/download.js";
import { MNIST_FILES, sha256 } from "../../../src/data/mnist-files.js";
import { temporaryFolder } from "../../support/data-files.js";
import { listenToDisk, withoutDescriptors as skip } from "../../support/disk-calls.js";

/** An IDX file of three bytes. */
const content = Buffer.from([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]);

test("every file is synced before any is renamed", { skip }, async (t) => {
  const server = createServer((_request, response) => void response.writeHead(200).end(gzipSync(content)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const files = MNIST_FILES.slice(0, 2).map(({ name }) => ({ name, sha256: sha256(content) }));
  const folder = temporaryFolder(t);
  const calls = listenToDisk(t);
  await downloadMnist(folder, () => {}, { mirrors: [mirror], files });
  const [a, b] = files.map(({ name }) => `${name}.gz`);
  assert.deepEqual(calls, [
    `sync ${a}.part`,
    `sync ${b}.part`,
    `rename ${a}.part ${a}`,
    `rename ${b}.part ${b}`,
  ]);
});
