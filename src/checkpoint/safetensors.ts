// The safetensors file format, bytes <-> named tensors: 8 bytes of header length (little endian), a JSON header that
// gives every tensor's dtype, shape and byte range, then the data, without holes. The parser believes nothing: each
// number of the header is checked against the bytes that are there before it is used, and nothing is allocated for it.
// Format: https://github.com/huggingface/safetensors#format
import { UsageError } from "../core/errors.js";
import type { TensorDtype, TensorState, TensorStates } from "../core/state.js";

/** The content of a safetensors file. */
export interface SafetensorsContent {
  /** In the header's order. The data are views of the parsed bytes wherever alignment allows. */
  readonly tensors: TensorStates;
  readonly metadata: Readonly<Record<string, string>>;
}

const METADATA_KEY = "__metadata__";
/** The reference implementation refuses longer headers too. */
const MAX_HEADER_BYTES = 100_000_000;
const ITEM_BYTES: Readonly<Record<TensorDtype, number>> = { F32: 4, I32: 4, U8: 1, BOOL: 1 };

/**
 * Encodes tensors as the parts of a safetensors file, to be written one after another; the tensors' parts are views
 * of their data, not copies. Readers get the tensors in the given order.
 * @throws RangeError when a tensor's data do not fit its dtype and shape, or its name is `__metadata__`.
 */
export function encodeSafetensors(
  tensors: TensorStates,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const entries = Object.entries(tensors);
  for (const [name, tensor] of entries) checkTensor(name, tensor);
  // Four-byte items first: without holes, an odd number of bytes in front would leave them unaligned.
  const layout = entries.toSorted(([, a], [, b]) => ITEM_BYTES[b.dtype] - ITEM_BYTES[a.dtype]);
  const begins = new Map<string, number>();
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, { data }] of layout) {
    begins.set(name, end);
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    end += data.byteLength;
  }
  const header = entries.map(([name, { dtype, shape, data }]) => {
    const begin = begins.get(name)!;
    return [name, { dtype, shape, data_offsets: [begin, begin + data.byteLength] }] as const;
  });
  const named = Object.keys(metadata).length > 0 ? [[METADATA_KEY, metadata] as const, ...header] : header;
  return [encodeHeader(JSON.stringify(Object.fromEntries(named))), ...parts];
}

/**
 * Parses the bytes of a safetensors file; `source` names the file in errors.
 * @throws UsageError naming the source and what is wrong where.
 */
export function parseSafetensors(bytes: Uint8Array, source: string): SafetensorsContent {
  const refuse: Refuse = (what) => {
    throw new UsageError(`${source}: not a valid safetensors file: ${what}`);
  };
  const { header, data } = splitFile(bytes, refuse);
  let metadata: [string, string][] = [];
  const tensors: [string, TensorState][] = [];
  const ranges: Range[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA_KEY) {
      metadata = parseMetadata(value, refuse);
      continue;
    }
    const entry = parseEntry(name, value, data.length, refuse);
    ranges.push({ name, begin: entry.begin, end: entry.end });
    tensors.push([name, viewTensor(entry, data)]);
  }
  checkCoverage(ranges, data.length, refuse);
  // fromEntries, not assignment: a tensor may be called `__proto__`.
  return { tensors: Object.fromEntries(tensors), metadata: Object.fromEntries(metadata) };
}

type Refuse = (what: string) => never;
interface Range {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}
interface Entry extends Range {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
}

function checkTensor(name: string, { dtype, shape, data }: TensorState): void {
  const length = shape.reduce((product, size) => product * size, 1);
  const kind = dtype === "F32" ? Float32Array : dtype === "I32" ? Int32Array : Uint8Array;
  if (name === METADATA_KEY) throw new RangeError(`a tensor cannot be named "${METADATA_KEY}"`);
  if (!(data instanceof kind) || data.length !== length) {
    throw new RangeError(
      `tensor "${name}": ${dtype} of shape [${shape}] needs a ${kind.name} of ${length} items, ` +
        `got a ${data.constructor.name} of ${data.length}`,
    );
  }
}

function encodeHeader(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  // Padded with spaces so that the data begin at a multiple of 8.
  const bytes = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(text, 8);
  return bytes;
}

function splitFile(bytes: Uint8Array, refuse: Refuse): { header: object; data: Uint8Array } {
  if (bytes.length < 8) refuse(`${bytes.length} bytes are too few for the 8-byte header length`);
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (claimed > bytes.length - 8) {
    refuse(`its header claims ${claimed} bytes, but only ${bytes.length - 8} follow`);
  }
  if (claimed > MAX_HEADER_BYTES) refuse(`its header of ${claimed} bytes is over ${MAX_HEADER_BYTES}`);
  const begin = 8 + Number(claimed);
  return {
    header: parseHeader(bytes.subarray(8, begin), refuse),
    // A plain Uint8Array, also when the caller has a Buffer: tensors are views of it.
    data: new Uint8Array(bytes.buffer, bytes.byteOffset + begin, bytes.length - begin),
  };
}

function parseHeader(bytes: Uint8Array, refuse: Refuse): object {
  if (bytes[0] !== 0x7b) refuse("its header does not begin with {");
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    return refuse("its header is not valid JSON in UTF-8");
  }
  // JSON.parse keeps the last of two equal keys without a word.
  const twice = findDuplicateKey(text);
  if (twice !== null) refuse(`its header names "${twice}" twice`);
  return header as object;
}

/**
 * The first key that an object of this valid JSON text has twice, or null.
 * By hand: a regular expression for strings overflows its stack at some megabytes of metadata.
 */
function findDuplicateKey(json: string): string | null {
  const objects: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    if (json[at] === "{") objects.push(new Set());
    else if (json[at] === "}") objects.pop();
    else if (json[at] === '"') {
      const begin = at;
      for (at++; json[at] !== '"'; at++) if (json[at] === "\\") at++;
      if (!isColonNext(json, at + 1)) continue;
      const key = JSON.parse(json.slice(begin, at + 1)) as string;
      const keys = objects.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return null;
}

function isColonNext(json: string, from: number): boolean {
  let at = from;
  while (" \t\r\n".includes(json[at])) at++;
  return json[at] === ":";
}

function parseMetadata(value: unknown, refuse: Refuse): [string, string][] {
  if (!isObject(value)) return refuse(`${METADATA_KEY} is not an object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") refuse(`${METADATA_KEY} "${key}" is not a string`);
  }
  return Object.entries(value) as [string, string][];
}

function parseEntry(name: string, value: unknown, dataBytes: number, refuse: Refuse): Entry {
  const tensor = `tensor "${name}"`;
  if (!isObject(value)) return refuse(`${tensor} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string") return refuse(`${tensor} has no dtype`);
  if (!Object.hasOwn(ITEM_BYTES, dtype)) {
    return refuse(`${tensor} has dtype ${dtype}; only ${Object.keys(ITEM_BYTES).join(", ")} can be read`);
  }
  if (!isCounts(shape)) return refuse(`${tensor} has no shape of whole numbers`);
  if (!isCounts(offsets) || offsets.length !== 2) {
    return refuse(`${tensor} has no data_offsets of two whole numbers`);
  }
  const [begin, end] = offsets;
  if (begin > end || end > dataBytes) {
    refuse(`${tensor} lies at bytes ${begin} to ${end} of ${dataBytes} bytes of data`);
  }
  // A product beyond 2^53 is rounded, but still far more than any `end - begin`.
  const size = shape.reduce((product, length) => product * length, ITEM_BYTES[dtype as TensorDtype]);
  if (size !== end - begin) {
    refuse(`${tensor}, ${dtype} of shape [${shape}], takes ${size} bytes but is given ${end - begin}`);
  }
  return { name, dtype: dtype as TensorDtype, shape, begin, end };
}

/** The ranges must tile the data exactly, as the format demands: no overlap, no hole, nothing left over. */
function checkCoverage(ranges: readonly Range[], dataBytes: number, refuse: Refuse): void {
  let covered = 0;
  // By end too: an empty tensor sits in front of the one that begins at the same byte.
  for (const { name, begin, end } of ranges.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) refuse(`tensor "${name}" overlaps the one before it at byte ${begin}`);
    if (begin > covered) refuse(`bytes ${covered} to ${begin}, before tensor "${name}", belong to no tensor`);
    covered = end;
  }
  if (covered < dataBytes) refuse(`${dataBytes - covered} bytes after the last tensor belong to no tensor`);
}

function viewTensor({ dtype, shape, begin, end }: Entry, data: Uint8Array): TensorState {
  const bytes = data.subarray(begin, end);
  if (ITEM_BYTES[dtype] === 1) return { dtype, shape, data: bytes };
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const items = length / 4;
  return {
    dtype,
    shape,
    data:
      dtype === "F32"
        ? new Float32Array(buffer, byteOffset, items)
        : new Int32Array(buffer, byteOffset, items),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
