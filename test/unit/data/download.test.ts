// Downloading, against a server in this process: whole, from the second mirror, wrong, interrupted, stalled.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UsageError } from "../../../src/core/errors.js";
import { type DownloadOptions, downloadMnist } from "../../../src/data/download.js";
import { hasMnistFiles, MNIST_FILES, sha256 } from "../../../src/data/mnist-files.js";
import { temporaryFolder } from "../../support/data-files.js";

/** The four names with small contents that hardly compress. */
const contents = MNIST_FILES.map(({ name }, file) => {
  const bytes = Uint8Array.from({ length: 50_000 }, (_, i) => Math.imul(i + file, 2654435761) >>> 24);
  return { name, content: Buffer.concat([Buffer.from([0, 0, 8, 1, 0, 0, 0xc3, 0x50]), bytes]) };
});
const files = contents.map(({ name, content }) => ({ name, sha256: sha256(content) }));
const zipped = new Map(contents.map(({ name, content }) => [`${name}.gz`, gzipSync(content)]));
const first = `${files[0].name}.gz`;
const half = Math.floor(zipped.get(first)!.length / 2);

type Handler = (name: string, request: IncomingMessage, response: ServerResponse) => void;

/** A mirror on a free port; `seen` are the requests as `name` or `name range`. */
async function mirror(t: TestContext, handler: Handler): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server: Server = createServer((request, response) => {
    const name = request.url!.slice(request.url!.lastIndexOf("/") + 1);
    seen.push(request.headers.range ? `${name} ${request.headers.range}` : name);
    handler(name, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mnist/`, seen };
}

/** Serves the files, ranges too, as the public mirrors do. */
const serve: Handler = (name, request, response) => {
  const bytes = zipped.get(name)!;
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? Number.NaN);
  if (Number.isNaN(from)) {
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  } else if (from >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  } else {
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { "content-length": bytes.length - from, "content-range": range });
    response.end(bytes.subarray(from));
  }
};
const serveWhole: Handler = (name, _request, response) => {
  response.writeHead(200).end(zipped.get(name));
};
/** Half of the first file, and then the connection breaks. */
const breakOff: Handler = (name, _request, response) => {
  const bytes = zipped.get(name)!;
  response.writeHead(200, { "content-length": bytes.length });
  response.write(bytes.subarray(0, half), () => response.socket!.end());
};
const refuse: Handler = (_name, _request, response) => {
  response.writeHead(503).end("later");
};

function download(folder: string, urls: readonly string[], options: DownloadOptions = {}): Promise<string[]> {
  const lines: string[] = [];
  const report = (line: string) => void lines.push(line);
  return downloadMnist(folder, report, { mirrors: urls, files, ...options }).then(() => lines);
}

function assertComplete(folder: string): void {
  assert.deepEqual(readdirSync(folder).sort(), [...zipped.keys()].sort(), "all files, and nothing else");
  for (const [name, bytes] of zipped) assert.ok(bytes.equals(readFileSync(join(folder, name))), name);
}

test("all files are downloaded, with progress", async (t) => {
  const folder = join(temporaryFolder(t), "new", "mnist");
  const { url } = await mirror(t, serve);
  const lines = await download(folder, [url]);
  assertComplete(folder);
  for (const [name, bytes] of zipped) {
    const size = (bytes.length / 1e6).toFixed(3);
    assert.ok(lines.includes(`downloading ${name} ${size} of ${size} MB`), lines.join("\n"));
  }
});

test("a mirror that fails is followed by the next, and asked only once", async (t) => {
  const folder = temporaryFolder(t);
  const bad = await mirror(t, refuse);
  const good = await mirror(t, serve);
  await download(folder, [bad.url, good.url]);
  assertComplete(folder);
  assert.deepEqual(bad.seen, [first]);
  assert.deepEqual(good.seen, [...zipped.keys()]);
});

test("when all mirrors fail, the error tells each one's reason", async (t) => {
  const folder = temporaryFolder(t);
  const bad = await mirror(t, refuse);
  const gone = await mirror(t, (_name, request) => request.socket.destroy());
  await assert.rejects(download(folder, [bad.url, gone.url]), (error: Error) => {
    assert.match(error.message, /could not download train-images-idx3-ubyte.gz/);
    assert.match(error.message, new RegExp(`${new URL(bad.url).host}: HTTP status 503`));
    assert.match(error.message, new RegExp(`${new URL(gone.url).host}: \\S+`));
    return !(error instanceof UsageError);
  });
  assert.deepEqual(readdirSync(folder), []);
});

const wrongContents: readonly (readonly [string, Uint8Array])[] = [
  ["one bit of the content", gzipSync(flip(contents[0].content))],
  ["one bit of the zip", flip(zipped.get(first)!)],
  ["a page of a hotel's wireless", Buffer.from("<html>Please sign in</html>")],
  ["nothing", Buffer.alloc(0)],
];
for (const [name, bytes] of wrongContents) {
  test(`wrong content is refused and not kept: ${name}`, async (t) => {
    const folder = temporaryFolder(t);
    const { url } = await mirror(t, (_name, _request, response) => void response.writeHead(200).end(bytes));
    await assert.rejects(download(folder, [url]), /could not download .*(SHA-256|wrong content)/);
    assert.deepEqual(readdirSync(folder), []);
  });
}

test("wrong content is followed by the next mirror", async (t) => {
  const folder = temporaryFolder(t);
  const bad = await mirror(t, (_name, _request, response) => void response.writeHead(200).end("hello"));
  const good = await mirror(t, serve);
  await download(folder, [bad.url, good.url]);
  assertComplete(folder);
});

test("an interrupted download goes on where it stopped", async (t) => {
  const folder = temporaryFolder(t);
  const broken = await mirror(t, breakOff);
  await assert.rejects(download(folder, [broken.url]), /could not download train-images/);
  assert.deepEqual(readdirSync(folder), [`${first}.part`]);
  assert.equal(readFileSync(join(folder, `${first}.part`)).length, half);
  assert.equal(hasMnistFiles(folder), false, "parts are no files yet");

  const good = await mirror(t, serve);
  await download(folder, [good.url]);
  assertComplete(folder);
  assert.equal(good.seen[0], `${first} bytes=${half}-`);
});

test("a mirror that breaks off is continued by the next", async (t) => {
  const folder = temporaryFolder(t);
  const broken = await mirror(t, breakOff);
  const good = await mirror(t, serve);
  await download(folder, [broken.url, good.url]);
  assertComplete(folder);
  assert.equal(good.seen[0], `${first} bytes=${half}-`);
});

test("a mirror without ranges starts again", async (t) => {
  const folder = temporaryFolder(t);
  const whole = zipped.get(first)!;
  writeFileSync(join(folder, `${first}.part`), Buffer.concat([whole, whole]));
  const { url } = await mirror(t, serveWhole);
  await download(folder, [url]);
  assertComplete(folder);
});

test("a part that is whole already is only checked", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, `${first}.part`), zipped.get(first)!);
  const { url, seen } = await mirror(t, serve);
  await download(folder, [url]);
  assertComplete(folder);
  assert.equal(seen.filter((request) => request.startsWith(first)).length, 1);
});

for (const [name, length] of [
  ["shorter", half],
  ["longer", 200_000],
] as const) {
  test(`a part of something else is thrown away: ${name}`, async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, `${first}.part`), Buffer.alloc(length, 0x55));
    const { url, seen } = await mirror(t, serve);
    await download(folder, [url]);
    assertComplete(folder);
    assert.deepEqual(seen.slice(0, 2), [`${first} bytes=${length}-`, first]);
  });
}

test("a download that stopped between its last two steps is completed", async (t) => {
  const folder = temporaryFolder(t);
  const [last, ...others] = [...zipped.keys()].reverse();
  for (const name of others) writeFileSync(join(folder, name), zipped.get(name)!);
  writeFileSync(join(folder, `${last}.part`), zipped.get(last)!);
  assert.equal(hasMnistFiles(folder), false);
  const { url, seen } = await mirror(t, serve);
  await download(folder, [url]);
  assertComplete(folder);
  assert.equal(seen.length, 1);
  assert.equal(hasMnistFiles(folder), true);
});

test("a file that is there with other content is not overwritten", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, first), gzipSync("mine"));
  await assert.rejects(
    download(folder, []),
    (error: Error) => error instanceof UsageError && error.message.includes(join(folder, first)),
  );
  assert.deepEqual(readdirSync(folder), [first]);
});

test("a mirror that never answers, or stops sending, costs a bounded time", {
  timeout: 20_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const silent = await mirror(t, () => {});
  const stalled = await mirror(t, (name, _request, response) => {
    const bytes = zipped.get(name)!;
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, half));
  });
  const limits = { answerTimeout: 1000, stallTimeout: 300 };
  await assert.rejects(download(folder, [silent.url, stalled.url], limits), (error: Error) => {
    assert.match(error.message, /no answer within 1 s/);
    assert.match(error.message, /no more data within 0.3 s/);
    return true;
  });
  assert.equal(readFileSync(join(folder, `${first}.part`)).length, half, "what came is kept");
});

test("a data folder that cannot be made is the caller's mistake", async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "file"), "");
  await assert.rejects(
    download(join(folder, "file", "mnist"), []),
    (error: Error) => error instanceof UsageError && error.message.includes("--data-dir"),
  );
  assert.ok(existsSync(join(folder, "file")));
});

function flip(bytes: Uint8Array): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bytes.length >> 1] ^= 1;
  return flipped;
}
