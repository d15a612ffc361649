// Bytes for targets: good ones with a few hits of damage. As fast-check arbitraries, so that a failing input shrinks
// to the fewest hits.
import fc from "fast-check";

/** Values at which lengths, offsets and counts go wrong. */
export const awkwardNumbers = [
  ...[0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 784],
  ...[2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 53 - 1, 2 ** 53, 2 ** 63],
] as const;

type Hit = readonly [kind: number, at: number, value: number, length: number];

const hit: fc.Arbitrary<Hit> = fc.tuple(
  fc.nat({ max: 7 }),
  fc.nat({ max: 65535 }),
  fc.nat({ max: 255 }),
  fc.nat({ max: 40 }),
);

/** One of the seeds with up to `hits` hits of damage, none among them. */
export function damaged(seeds: readonly Uint8Array[], hits = 6): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.nat({ max: seeds.length - 1 }), fc.array(hit, { maxLength: hits, size: "max" }))
    .map(([seed, all]) => all.reduce((bytes, one) => strike(bytes, one, seeds), seeds[seed]));
}

/** Text as its bytes. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const JSON_VALUE = /-?\d[\d.e+]*|null|true|false|"[^"]*"(?!:)/g;

/** The JSON text with one value inside replaced, so that a reader comes far before it meets what is wrong. */
export function replaceValue(json: string, at: number, value: string): string {
  const count = json.match(JSON_VALUE)?.length ?? 0;
  let seen = 0;
  return json.replaceAll(JSON_VALUE, (old) => (seen++ === at % count ? value : old));
}

function strike(bytes: Uint8Array, [kind, place, value, length]: Hit, seeds: readonly Uint8Array[]) {
  const at = place % (bytes.length + 1);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  if (kind === 0) return join(head, tail.length > 0 ? [tail[0] ^ (1 << (value % 8))] : [], tail.subarray(1));
  if (kind === 1) return join(head, [value], tail.subarray(1));
  if (kind === 2) return head;
  if (kind === 3) return join(head, new Uint8Array(length).fill(value), tail);
  if (kind === 4) return join(head, tail.subarray(length));
  if (kind === 5) return join(head, tail.subarray(0, length), tail);
  if (kind === 6) return join(head, number(value, length), tail.subarray(number(value, length).length));
  const other = seeds[value % seeds.length];
  return join(head, other.subarray(Math.min(at, other.length)));
}

/** An awkward number in 4 or 8 bytes, of either end first. */
function number(value: number, how: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(how & 1 ? 4 : 8));
  const n = BigInt(awkwardNumbers[value % awkwardNumbers.length]);
  const isLittle = (how & 2) !== 0;
  if (how & 1) view.setUint32(0, Number(BigInt.asUintN(32, n)), isLittle);
  else view.setBigUint64(0, n, isLittle);
  return new Uint8Array(view.buffer);
}

function join(...parts: readonly ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
