// Values as the payloads of messages: read where they came, and copied to where they may be sent from.
import { RunError } from "../../core/errors.js";
import type { Packed, WireFormat } from "../formats/format.js";

/** The payload's values: the same memory where it is aligned, as zeromq's larger messages are, else a copy. */
export function packedIn<P extends Packed>(payload: Uint8Array, length: number, format: WireFormat<P>): P {
  if (payload.byteLength !== length * format.bytesPerValue) {
    throw new RunError(
      `a rank sent ${payload.byteLength} bytes for ${length} values; do all ranks run one version?`,
    );
  }
  const isAligned = payload.byteOffset % format.bytesPerValue === 0;
  return format.view(isAligned ? payload : new Uint8Array(payload), length);
}

/**
 * Memory that payloads which go to everybody in a circle are sent from, since zeromq reads it after the sender has gone
 * on. Two buffers in turn are enough: to finish collective k + 1 a rank needs every other's payload of k + 1, and they
 * sent it after they had received everything of k; so in k + 2 nobody reads the buffer of k any more.
 */
export class SendBuffers {
  readonly #buffers = [new Uint8Array(0), new Uint8Array(0)];
  #turn = 0;

  /** Memory of `bytes` bytes, not read by zeromq any more; to be asked for once a collective. */
  take(bytes: number): Uint8Array {
    this.#turn = 1 - this.#turn;
    if (this.#buffers[this.#turn].byteLength < bytes) this.#buffers[this.#turn] = new Uint8Array(bytes);
    return this.#buffers[this.#turn].subarray(0, bytes);
  }
}
