// What the kernels of convolutions and pooling want to know of the shapes: JavaScript writes it into memory as int32s,
// one after another, and passes the address. scripts/kernel-exports.js gives JavaScript this list of fields. What inner
// loops use is copied to locals first: read there from memory, it costs up to a tenth.

/**
 * Rows and columns of image, filter and output; steps from a window to the next, and from a filter's pixel to its next;
 * rows above and columns left of the image that are zeros.
 */
@unmanaged
export class Geometry {
  height: i32;
  width: i32;
  channels: i32;
  filterHeight: i32;
  filterWidth: i32;
  outHeight: i32;
  outWidth: i32;
  strideHeight: i32;
  strideWidth: i32;
  dilationHeight: i32;
  dilationWidth: i32;
  top: i32;
  left: i32;
}
