// A message on the wire: two frames, an envelope in msgpack and the payload as it is. Promises: bytes that do not
// begin with this run's mark never reach the msgpack decoder, and what is handed on has the types it claims.
import { createHash } from "node:crypto";
import { Packr } from "msgpackr";
import { MESSAGE_KINDS, type Message } from "./message.js";

type Header = [
  run: string,
  kind: number,
  sender: number,
  receiver: number,
  group: string,
  sequence: number,
  operation: string,
  step: number,
  bytes: number,
  rest: number,
];

/** Bounds what the decoder is ever fed; ours are mostly below 128 bytes. */
const MAX_HEADER_BYTES = 1024;

const packr = new Packr({ useRecords: false });

/** Encodes and decodes the messages of one run. Its secret never travels: messages carry a hash of it. */
export class Envelopes {
  readonly #run: string;
  /** What every envelope of this run begins with: an array of 10 items, the first of them the hash. */
  readonly #mark: Buffer;

  constructor(token: string) {
    this.#run = createHash("sha256").update(token).digest("base64url").slice(0, 22);
    const header: Header = [this.#run, 0, 0, 0, "", 0, "", 0, 0, 0];
    this.#mark = Buffer.from(packr.pack(header).subarray(0, 2 + this.#run.length));
  }

  /** The frames of a message; the payload is not copied. */
  encode(message: Message): [Uint8Array, Uint8Array] {
    const { kind, sender, receiver, group, sequence, operation, step, payload, rest } = message;
    const kindNumber = MESSAGE_KINDS.indexOf(kind);
    const bytes = payload.byteLength;
    const header: Header = [
      this.#run,
      kindNumber,
      sender,
      receiver,
      group,
      sequence,
      operation,
      step,
      bytes,
      rest,
    ];
    return [packr.pack(header), payload];
  }

  /** The message in these frames; null when they are not one of this run. */
  decode(frames: readonly Buffer[]): Message | null {
    if (frames.length !== 2) return null;
    const [envelope, payload] = frames;
    if (envelope.length > MAX_HEADER_BYTES) return null;
    if (!envelope.subarray(0, this.#mark.length).equals(this.#mark)) return null;
    let header: unknown;
    try {
      header = packr.unpack(envelope);
    } catch {
      return null;
    }
    if (!isHeader(header)) return null;
    const [, kind, sender, receiver, group, sequence, operation, step, bytes, rest] = header;
    if (bytes !== payload.byteLength) return null;
    return { kind: MESSAGE_KINDS[kind], sender, receiver, group, sequence, operation, step, payload, rest };
  }
}

function isHeader(value: unknown): value is Header {
  if (!Array.isArray(value) || value.length !== 10) return false;
  const [, kind, sender, receiver, group, sequence, operation, step, bytes, rest] = value;
  return (
    [kind, sender, receiver, sequence, step, bytes, rest].every(isCount) &&
    kind < MESSAGE_KINDS.length &&
    typeof group === "string" &&
    typeof operation === "string"
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
