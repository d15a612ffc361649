// Values rounded to 16 bits (fp16, bf16), which halves the bytes and costs precision.
//
// Every part and every partial sum is rounded to nearest, ties to even, when it is made: rank r's values first, then
// the sum after each addition, which is done in float32 or better. A mean divides the parts, before they are rounded,
// so that the sum of many ranks does not overflow. A value passes at most W roundings, each with a relative error of
// at most u: with W ranks the result is within about W u (|x1| + ... + |xW|), times 1/W for a mean, of the exact one;
// u = 2^-11 for fp16 and 2^-8 for bf16. Below 2^-14 fp16 errs by up to 2^-25 a rounding instead, and above 65504 it
// has no numbers: what is larger becomes infinite, as do sums. bf16 has float32's range.
import { conversionsOf, type SixteenBits } from "./float16-simd.js";
import type { WireFormat } from "./format.js";

/** A format of 16 bits. @throws Error when its SIMD has not been built. */
export function float16(name: SixteenBits): WireFormat<Uint16Array> {
  const run = conversionsOf(name);
  return {
    bytesPerValue: 2,
    allocate: (length) => new Uint16Array(length),
    view: ({ buffer, byteOffset }, length) => new Uint16Array(buffer, byteOffset, length),
    prepare(values, scale) {
      run.round(values, scale);
      return 1;
    },
    pack(values, memory) {
      const packed = memory?.subarray(0, values.length) ?? new Uint16Array(values.length);
      run.pack(values, packed);
      return packed;
    },
    unpack: (packed, target) => run.unpack(packed, target),
    landing: (target, scratch) => scratch.subarray(0, target.length),
    sumIn: (packed, scratch) => scratch.subarray(0, packed.length),
    addTo: (packed, values, offset) => run.addTo(packed, values.subarray(offset, offset + packed.length)),
    add: (values, packed) => run.add(values, packed),
  };
}
