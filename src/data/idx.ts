// IDX, the format of the MNIST files: two zero bytes, a type byte, the number of dimensions, the dimensions as
// big-endian uint32, then the values. Only unsigned bytes (type 08) are read; a file may be gzipped, whatever its
// name says (browsers unpack a .gz and keep the name). Reading is strict: what does not fit to the byte is refused.
import { readFileSync } from "node:fs";
import { constants, gunzipSync, gzipSync } from "node:zlib";
import { writeFileAtomic } from "../core/atomic-file.js";
import { messageOf, UsageError } from "../core/errors.js";

/** An array of unsigned bytes, row-major. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads an IDX file of unsigned bytes, plain or gzipped.
 * @throws UsageError naming the file, what it holds and what was expected.
 */
export function readIdx(path: string): IdxArray {
  return parseIdx(path, readIdxBytes(path));
}

/** Writes an IDX file of unsigned bytes atomically; gzipped when the name ends in `.gz`. */
export function writeIdx(path: string, shape: readonly number[], data: Uint8Array): void {
  if (product(shape) !== data.length) {
    throw new RangeError(`an IDX array of shape [${shape.join(", ")}] cannot hold ${data.length} values`);
  }
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, UINT8, shape.length]);
  for (let d = 0; d < shape.length; d++) header.writeUInt32BE(shape[d], 4 + 4 * d);
  if (path.endsWith(".gz")) writeFileAtomic(path, gzipSync(Buffer.concat([header, data])));
  else writeFileAtomic(path, header, data);
}

/**
 * The uncompressed bytes of an IDX file, header included, at most as many as the header announces plus one.
 * @throws UsageError when it cannot be read, its gzip is damaged, or it holds more than its header says.
 */
export function readIdxBytes(path: string): Uint8Array {
  return unpackIdx(path, readBytes(path));
}

/** As {@link readIdxBytes}, of a file that is in memory already. */
export function unpackIdx(path: string, file: Uint8Array): Uint8Array {
  if (!isGzip(file)) return file;
  // The header comes first and sets the limit, so that no claim and no zip bomb allocates more than is there.
  const start = unzip(path, file.subarray(0, 512), { finishFlush: constants.Z_SYNC_FLUSH });
  const { shape, bytes } = parseHeader(path, start);
  try {
    return unzip(path, file, { maxOutputLength: Math.max(bytes, start.length) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") throw error;
    throw wrongLength(path, `more than ${bytes} bytes`, shape, bytes);
  }
}

/**
 * Reads the array out of an IDX file's uncompressed bytes; `path` is for messages. The data is a view, not a copy.
 * @throws UsageError as {@link readIdx}.
 */
export function parseIdx(path: string, content: Uint8Array): IdxArray {
  const { shape, offset, bytes } = parseHeader(path, content);
  if (content.length !== bytes) throw wrongLength(path, `${content.length} bytes`, shape, bytes);
  return { shape, data: content.subarray(offset) };
}

const UINT8 = 0x08;
const TYPES: Readonly<Record<number, string>> = {
  9: "signed bytes",
  11: "int16",
  12: "int32",
  13: "float32",
  14: "float64",
};
/** Far above any MNIST-like set (47 MB), far below what a Buffer can hold. */
const MOST_BYTES = 2 ** 30;

interface Header {
  readonly shape: number[];
  /** Length of the header, and of the whole file. */
  readonly offset: number;
  readonly bytes: number;
}

function parseHeader(path: string, content: Uint8Array): Header {
  const [zero0, zero1, type, rank] = content;
  if (content.length < 4 || zero0 !== 0 || zero1 !== 0) {
    const found = content.length === 0 ? "is empty" : `begins with ${hex(content.subarray(0, 4))}`;
    throw new UsageError(
      `${path} is not an IDX file: it ${found}, expected 00 00 08 and the number of dimensions (or gzip, 1f 8b)`,
    );
  }
  if (type !== UINT8) {
    const name = TYPES[type] ? ` (${TYPES[type]})` : "";
    throw new UsageError(`${path} holds values of type ${hex([type])}${name}, expected 08 (unsigned bytes)`);
  }
  if (rank === 0) throw new UsageError(`${path} announces 0 dimensions, expected at least 1`);
  const offset = 4 + 4 * rank;
  if (content.length < offset) {
    throw new UsageError(
      `${path} is cut off in its header: ${content.length} bytes, expected at least ${offset} for ${rank} dimensions`,
    );
  }
  const view = new DataView(content.buffer, content.byteOffset, offset);
  const shape = Array.from({ length: rank }, (_, d) => view.getUint32(4 + 4 * d));
  const bytes = offset + product(shape);
  // Not `bytes > MOST_BYTES`: dimensions that overflow to Infinity, times 0, are NaN.
  if (!(bytes <= MOST_BYTES)) {
    throw new UsageError(
      `${path} announces ${shape.join(" x ")} values, ${bytes} bytes in all; expected at most ${MOST_BYTES}`,
    );
  }
  return { shape, offset, bytes };
}

function wrongLength(path: string, found: string, shape: readonly number[], bytes: number): UsageError {
  return new UsageError(
    `${path} is damaged or cut off: it holds ${found}, expected ${bytes} for its ${shape.join(" x ")} values`,
  );
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${messageOf(error)}`);
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function unzip(path: string, bytes: Uint8Array, options: Parameters<typeof gunzipSync>[1]): Uint8Array {
  try {
    return gunzipSync(bytes, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw error;
    throw new UsageError(
      `${path} is a damaged or cut off gzip file of ${bytes.length} bytes (${messageOf(error)}), expected a whole one`,
    );
  }
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}

function hex(bytes: ArrayLike<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
