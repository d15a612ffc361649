// TensorBoard's event files, by hand: each record is an Event protobuf message framed as a TFRecord.
//   record   u64 length | u32 masked CRC of length | message | u32 masked CRC of message     (little endian)
//   Event    wall_time = 1 double, step = 2 int64, file_version = 3 string, summary = 5
//   Summary  repeated value = 1: tag = 1 string, simple_value = 2 float
// Sources: tensorflow.org/tutorials/load_data/tfrecord, tensorboard/compat/proto/{event,summary}.proto,
// protobuf.dev/programming-guides/encoding, RFC 3720 appendix B.4 (CRC-32C).

/** An Event message: the file's version, or scalars by tag. `wallTime` in seconds since 1970. */
export interface TfEvent {
  readonly wallTime: number;
  readonly step?: number;
  readonly fileVersion?: string;
  readonly scalars?: Readonly<Record<string, number>>;
}

/** The content of every event file's first record. */
export const FILE_VERSION = "brain.Event:2";

/** Encodes an event as one record of an event file. Scalars become float32. */
export function encodeRecord(event: TfEvent): Uint8Array {
  const message = encodeEvent(event);
  const record = Buffer.alloc(message.length + 16);
  record.writeBigUInt64LE(BigInt(message.length), 0);
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(message, 12);
  record.writeUInt32LE(maskedCrc(message), message.length + 12);
  return record;
}

/** A record of an event file, with what it says of its place. */
export interface TfRecord {
  /** The whole record, frame included. */
  readonly record: Uint8Array;
  readonly step: number;
  /** Tag of its first scalar. */
  readonly tag: string | null;
}

/** The whole records of an event file; what follows the last of them was cut off by a crash. */
export function readRecords(bytes: Uint8Array): TfRecord[] {
  const records: TfRecord[] = [];
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 16 <= file.length; ) {
    const end = at + Number(file.readBigUInt64LE(at)) + 16;
    if (file.readUInt32LE(at + 8) !== maskedCrc(file.subarray(at, at + 8)) || end > file.length) break;
    const message = file.subarray(at + 12, end - 4);
    if (file.readUInt32LE(end - 4) !== maskedCrc(message)) break;
    records.push({ record: file.subarray(at, end), ...placeOf(message) });
    at = end;
  }
  return records;
}

/** Reads the few fields of an Event that {@link encodeEvent} writes. */
function placeOf(message: Buffer): { step: number; tag: string | null } {
  let step = 0;
  let tag: string | null = null;
  for (const { number, value, body } of fieldsOf(message)) {
    if (number === 2) step = value;
    if (number !== 5 || tag !== null) continue;
    const first = [...fieldsOf(body)].find((entry) => entry.number === 1);
    const name = first && [...fieldsOf(first.body)].find((entry) => entry.number === 1);
    tag = name?.body.toString() ?? null;
  }
  return { step, tag };
}

function* fieldsOf(message: Buffer): Generator<{ number: number; value: number; body: Buffer }> {
  let at = 0;
  const readVarint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = readVarint();
    const wire = key % 8;
    const value = wire === Wire.varint || wire === Wire.bytes ? readVarint() : 0;
    const size = wire === Wire.fixed64 ? 8 : wire === Wire.fixed32 ? 4 : wire === Wire.bytes ? value : 0;
    const body = message.subarray(at, at + size);
    at += size;
    yield { number: Math.floor(key / 8), value, body };
  }
}

/** CRC-32C (Castagnoli) of some bytes, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  // 0x82f63b78 is Castagnoli's polynomial with its bits reversed.
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

/** TFRecord stores checksums rotated and shifted, so that a checksum of data with checksums in it stays strong. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function encodeEvent({ wallTime, step = 0, fileVersion, scalars }: TfEvent): Uint8Array {
  const fields = [field(1, Wire.fixed64, float64(wallTime))];
  // As proto3 demands of a canonical encoding, a zero is left out.
  if (step !== 0) fields.push(field(2, Wire.varint, varint(step)));
  if (fileVersion !== undefined) fields.push(text(3, fileVersion));
  if (scalars) fields.push(nested(5, Object.entries(scalars).map(encodeValue)));
  return Buffer.concat(fields);
}

function encodeValue([tag, value]: readonly [string, number]): Uint8Array {
  return nested(1, [text(1, tag), field(2, Wire.fixed32, float32(value))]);
}

const Wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

function field(number: number, wire: number, payload: Uint8Array): Uint8Array {
  return Buffer.concat([varint(number * 8 + wire), payload]);
}

function nested(number: number, fields: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(fields);
  return field(number, Wire.bytes, Buffer.concat([varint(body.length), body]));
}

function text(number: number, value: string): Uint8Array {
  return nested(number, [Buffer.from(value)]);
}

/** Seven bits a byte, lowest first. By division: a step may exceed 32 bits. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function float32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function float64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}
