// A message on the wire: two frames, an envelope in msgpack and the payload as it is. Promises: bytes that do not
// begin with this run's mark never reach the msgpack decoder, and what is handed on has the types it claims.
import { createHash } from "node:crypto";
import { Packr } from "msgpackr";

/** One message as it arrived. */
export interface Message {
  readonly sender: number;
  /** Number of the collective, counted from 0 on every rank. */
  readonly sequence: number;
  /** The collective in words; equal on all ranks that do the same. */
  readonly operation: string;
  /** Number of the message within the collective. */
  readonly step: number;
  readonly payload: Uint8Array;
  /** Bytes that belong to this payload and follow in later messages. */
  readonly rest: number;
}

/** A message to be sent; `rest` is 0 where not given. */
export type Outgoing = Omit<Message, "rest"> & Partial<Pick<Message, "rest">>;

type Header = [
  run: string,
  sender: number,
  sequence: number,
  operation: string,
  step: number,
  bytes: number,
  rest: number,
];

/** Bounds what the decoder is ever fed; ours are below 128 bytes. */
const MAX_HEADER_BYTES = 1024;

const packr = new Packr({ useRecords: false });

/** Encodes and decodes the messages of one run. Its secret never travels: messages carry a hash of it. */
export class Envelopes {
  readonly #run: string;
  /** What every envelope of this run begins with: an array of 7 items, the first of them the hash. */
  readonly #mark: Buffer;

  constructor(token: string) {
    this.#run = createHash("sha256").update(token).digest("base64url").slice(0, 22);
    const header: Header = [this.#run, 0, 0, "", 0, 0, 0];
    this.#mark = Buffer.from(packr.pack(header).subarray(0, 2 + this.#run.length));
  }

  /** The frames of a message; the payload is not copied. */
  encode({ sender, sequence, operation, step, payload, rest = 0 }: Outgoing): [Uint8Array, Uint8Array] {
    const header: Header = [this.#run, sender, sequence, operation, step, payload.byteLength, rest];
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
    if (!isHeader(header) || header[5] !== payload.byteLength) return null;
    const [, sender, sequence, operation, step, , rest] = header;
    return { sender, sequence, operation, step, payload, rest };
  }
}

function isHeader(value: unknown): value is Header {
  if (!Array.isArray(value) || value.length !== 7) return false;
  const [, sender, sequence, operation, step, bytes, rest] = value;
  return [sender, sequence, step, bytes, rest].every(isCount) && typeof operation === "string";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
