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
}

type Header = [run: string, sender: number, sequence: number, operation: string, step: number, bytes: number];

/** Bounds what the decoder is ever fed; ours are below 128 bytes. */
const MAX_HEADER_BYTES = 1024;

const packr = new Packr({ useRecords: false });

/** Encodes and decodes the messages of one run. Its secret never travels: messages carry a hash of it. */
export class Envelopes {
  readonly #run: string;
  /** What every envelope of this run begins with: an array of 6 items, the first of them the hash. */
  readonly #mark: Buffer;

  constructor(token: string) {
    this.#run = createHash("sha256").update(token).digest("base64url").slice(0, 22);
    const header: Header = [this.#run, 0, 0, "", 0, 0];
    this.#mark = Buffer.from(packr.pack(header).subarray(0, 2 + this.#run.length));
  }

  /** The frames of a message; the payload is not copied. */
  encode({ sender, sequence, operation, step, payload }: Message): [Uint8Array, Uint8Array] {
    const header: Header = [this.#run, sender, sequence, operation, step, payload.byteLength];
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
    return { sender: header[1], sequence: header[2], operation: header[3], step: header[4], payload };
  }
}

function isHeader(value: unknown): value is Header {
  if (!Array.isArray(value) || value.length !== 6) return false;
  const [, sender, sequence, operation, step, bytes] = value;
  return [sender, sequence, step, bytes].every(Number.isSafeInteger) && typeof operation === "string";
}
