// Convolutions as matrix products: patches of images laid out as rows (im2col), and rows added back into images.
// Images are [height, width, channels]; a patch is [filterHeight, filterWidth, channels], zeros where it overhangs.
// Everything goes in ascending order of output row and column, then filter row and column.

// biome-ignore lint/style/useImportType: AssemblyScript has no imports of types.
import { Geometry } from "./geometry";

/** cols[outHeight * outWidth, filterHeight * filterWidth * channels] of one image; writes up to 12 bytes beyond. */
export function patches(cols: usize, image: usize, g: Geometry): void {
  const height = g.height;
  const width = g.width;
  const filterHeight = g.filterHeight;
  const filterWidth = g.filterWidth;
  const dilationHeight = g.dilationHeight;
  const dilationWidth = g.dilationWidth;
  const pixel = g.channels * 4;
  const row = filterWidth * pixel;
  const end = image + height * width * pixel;
  for (let oy = 0; oy < g.outHeight; oy++) {
    const y0 = oy * g.strideHeight - g.top;
    for (let ox = 0; ox < g.outWidth; ox++) {
      const x0 = ox * g.strideWidth - g.left;
      // Whole rows of a patch lie side by side in the image unless dilated or overhanging.
      const inside = dilationWidth === 1 && x0 >= 0 && x0 + filterWidth <= width;
      for (let ky = 0; ky < filterHeight; ky++) {
        const y = y0 + ky * dilationHeight;
        if (y < 0 || y >= height) {
          zero(cols, row);
          cols += row;
        } else if (inside) {
          copy(cols, image + (y * width + x0) * pixel, row, end);
          cols += row;
        } else {
          for (let kx = 0; kx < filterWidth; kx++) {
            const x = x0 + kx * dilationWidth;
            if (x < 0 || x >= width) zero(cols, pixel);
            else copy(cols, image + (y * width + x) * pixel, pixel, end);
            cols += pixel;
          }
        }
      }
    }
  }
}

/**
 * The same patches of an image with one channel, side by side: cols[filterHeight * filterWidth, outHeight * outWidth],
 * so that each row is the image moved by a pixel, copied in runs. For strides of 1; writes up to 12 bytes beyond.
 */
export function patchColumns(cols: usize, image: usize, g: Geometry): void {
  const end = image + g.height * g.width * 4;
  for (let ky = 0; ky < g.filterHeight; ky++) {
    for (let kx = 0; kx < g.filterWidth; kx++) {
      const x = kx * g.dilationWidth - g.left;
      // Of a row's output pixels those from `first` up to `last` see the image.
      const first = min(g.outWidth, max(0, -x));
      const last = max(first, min(g.outWidth, g.width - x));
      for (let oy = 0; oy < g.outHeight; oy++) {
        const y = oy - g.top + ky * g.dilationHeight;
        if (y < 0 || y >= g.height) zero(cols, g.outWidth * 4);
        else {
          // In this order, since each writes beyond its part.
          zero(cols, first * 4);
          copy(cols + first * 4, image + (y * g.width + first + x) * 4, (last - first) * 4, end);
          zero(cols + last * 4, (g.outWidth - last) * 4);
        }
        cols += g.outWidth * 4;
      }
    }
  }
}

/** The transpose of {@link patches}: adds the rows of `cols` into one image. */
export function addPatches(image: usize, cols: usize, g: Geometry): void {
  const height = g.height;
  const width = g.width;
  const filterHeight = g.filterHeight;
  const filterWidth = g.filterWidth;
  const dilationHeight = g.dilationHeight;
  const dilationWidth = g.dilationWidth;
  const pixel = g.channels * 4;
  const row = filterWidth * pixel;
  for (let oy = 0; oy < g.outHeight; oy++) {
    const y0 = oy * g.strideHeight - g.top;
    for (let ox = 0; ox < g.outWidth; ox++) {
      const x0 = ox * g.strideWidth - g.left;
      const inside = dilationWidth === 1 && x0 >= 0 && x0 + filterWidth <= width;
      for (let ky = 0; ky < filterHeight; ky++) {
        const y = y0 + ky * dilationHeight;
        if (y >= 0 && y < height) {
          if (inside) add(image + (y * width + x0) * pixel, cols, row);
          else {
            for (let kx = 0; kx < filterWidth; kx++) {
              const x = x0 + kx * dilationWidth;
              if (x >= 0 && x < width) add(image + (y * width + x) * pixel, cols + kx * pixel, pixel);
            }
          }
        }
        cols += row;
      }
    }
  }
}

/** Up to 12 bytes more than asked for are written (what follows is written later) and, before `end`, read. */
function copy(to: usize, from: usize, bytes: i32, end: usize): void {
  if (from + ((bytes + 15) & ~15) <= end) {
    for (let i = 0; i < bytes; i += 16) v128.store(to + i, v128.load(from + i));
  } else for (let i = 0; i < bytes; i += 4) store<f32>(to + i, load<f32>(from + i));
}

function zero(to: usize, bytes: i32): void {
  for (let i = 0; i < bytes; i += 16) v128.store(to + i, f32x4.splat(0));
}

function add(to: usize, from: usize, bytes: i32): void {
  let i = 0;
  for (; i + 16 <= bytes; i += 16) {
    v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(from + i)));
  }
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(from + i));
}

/**
 * Depthwise convolution's gradients, one image: with `image` and dy given, adds the filter's; with the filter and dy
 * given, adds the image's (`toImage`). The filter is [filterHeight, filterWidth, channels, multiplier], dy
 * [outHeight, outWidth, channels * multiplier].
 */
export function depthwiseGradient(
  toImage: bool,
  image: usize,
  filter: usize,
  dy: usize,
  multiplier: i32,
  g: Geometry,
): void {
  const height = g.height;
  const width = g.width;
  const filterHeight = g.filterHeight;
  const filterWidth = g.filterWidth;
  const dilationHeight = g.dilationHeight;
  const dilationWidth = g.dilationWidth;
  const strideHeight = g.strideHeight;
  const strideWidth = g.strideWidth;
  const top = g.top;
  const left = g.left;
  const channels = g.channels;
  const outputs = channels * multiplier * 4;
  for (let oy = 0; oy < g.outHeight; oy++) {
    for (let ox = 0; ox < g.outWidth; ox++) {
      for (let ky = 0; ky < filterHeight; ky++) {
        const y = oy * strideHeight - top + ky * dilationHeight;
        if (y < 0 || y >= height) continue;
        for (let kx = 0; kx < filterWidth; kx++) {
          const x = ox * strideWidth - left + kx * dilationWidth;
          if (x < 0 || x >= width) continue;
          const at = image + (y * width + x) * channels * 4;
          const weights = filter + (ky * filterWidth + kx) * outputs;
          if (toImage) depthwiseImage(at, weights, dy, channels, multiplier);
          else depthwiseFilter(weights, at, dy, channels, multiplier);
        }
      }
      dy += outputs;
    }
  }
}

function depthwiseFilter(weights: usize, image: usize, dy: usize, channels: i32, multiplier: i32): void {
  let c = 0;
  if (multiplier === 1) {
    for (; c + 4 <= channels; c += 4) {
      const product = f32x4.mul(v128.load(image + c * 4), v128.load(dy + c * 4));
      v128.store(weights + c * 4, f32x4.add(v128.load(weights + c * 4), product));
    }
  }
  for (; c < channels; c++) {
    for (let q = 0; q < multiplier; q++) {
      const at = (c * multiplier + q) * 4;
      store<f32>(weights + at, load<f32>(weights + at) + load<f32>(image + c * 4) * load<f32>(dy + at));
    }
  }
}

function depthwiseImage(image: usize, weights: usize, dy: usize, channels: i32, multiplier: i32): void {
  let c = 0;
  if (multiplier === 1) {
    for (; c + 4 <= channels; c += 4) {
      const product = f32x4.mul(v128.load(weights + c * 4), v128.load(dy + c * 4));
      v128.store(image + c * 4, f32x4.add(v128.load(image + c * 4), product));
    }
  }
  for (; c < channels; c++) {
    for (let q = 0; q < multiplier; q++) {
      const at = (c * multiplier + q) * 4;
      store<f32>(image + c * 4, load<f32>(image + c * 4) + load<f32>(weights + at) * load<f32>(dy + at));
    }
  }
}
