// The decoder of messages between ranks: what is not of this run is null, all else has the types of a Message.
import assert from "node:assert/strict";
import fc from "fast-check";
import { Packr } from "msgpackr";
import { Envelopes } from "../../src/allreduce/transport/envelope.js";
import { MESSAGE_KINDS, type Message } from "../../src/allreduce/transport/message.js";
import { damaged, utf8 } from "./bytes.js";
import type { Target } from "./target.js";

const envelopes = new Envelopes("the secret of this run");
const foreign = new Envelopes("the secret of another run");
const payload = new Uint8Array(16);
const message: Message = {
  kind: "part",
  sender: 1,
  receiver: 0,
  group: "5.",
  sequence: 2,
  operation: "allReduce sum of 4 values",
  step: 3,
  payload,
  rest: 0,
};
const [own] = envelopes.encode(message);
/** What our envelopes begin with; see {@link Envelopes}. */
const mark = own.slice(0, 24);
const packr = new Packr({ useRecords: false });

/** What an input's first byte says comes before its other bytes. */
const PREFIXES = [mark, mark.slice(0, 23), new Uint8Array(0)];

const tails = fc
  .tuple(fc.jsonValue(), fc.uint8Array({ maxLength: 24 }))
  .map(([json, bytes]) => Buffer.concat([packr.pack(json), bytes]));
/** Extension types, which make msgpackr build things. */
const extensions = fc
  .tuple(
    fc.constantFrom(0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 0xff),
    fc.uint8Array({ maxLength: 64 }),
  )
  .map(([type, bytes]) => Buffer.concat([Buffer.from([0xc7, bytes.length, type]), bytes]));

const rest = fc.oneof(
  damaged([own.slice(24), foreign.encode(message)[0].slice(24)], 4),
  tails,
  extensions,
  fc.array(extensions, { maxLength: 5 }).map((all) => Buffer.concat(all)),
  fc.uint8Array({ maxLength: 1100, size: "medium" }),
  fc.constant(utf8("GET / HTTP/1.1\r\n\r\n")),
);
const marked = fc.tuple(fc.nat({ max: 2 }), rest).map(([prefix, bytes]) => Uint8Array.of(prefix, ...bytes));
const whole = [own, foreign.encode(message)[0]].map((bytes) => Uint8Array.of(2, ...bytes));

export const messages: Target = {
  name: "message",
  inputs: fc.oneof(marked, damaged(whole, 4)),
  // None: the decoder refuses by null, never by an error.
  names: /(?!)/,
  read(input) {
    if (input.length === 0) return false;
    const envelope = Buffer.concat([PREFIXES[input[0] % PREFIXES.length], input.subarray(1)]);
    const decoded = envelopes.decode([envelope, Buffer.from(payload)]);
    if (decoded === null) return false;
    assert.ok(envelope.subarray(0, mark.length).equals(mark), "a message of another run was taken");
    const { payload: decodedPayload, kind, group, operation, ...numbers } = decoded;
    assert.ok(Object.values(numbers).every(Number.isSafeInteger), "a number is none");
    assert.ok(MESSAGE_KINDS.includes(kind), "a kind is none");
    assert.equal(typeof group, "string");
    assert.equal(typeof operation, "string");
    assert.equal(decodedPayload.byteLength, payload.byteLength);
    return true;
  },
};
