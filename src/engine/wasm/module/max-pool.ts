// The gradient of max pooling.

// biome-ignore lint/style/useImportType: AssemblyScript has no imports of types.
import { Geometry } from "./geometry";

/**
 * Adds each dy to the first largest element of its window (rows, then columns), one image [height, width, channels].
 * A window without any number larger than -Infinity (all NaN, say) passes nothing on.
 */
export function maxPoolGradient(dx: usize, x: usize, dy: usize, g: Geometry): void {
  const width = g.width;
  const channels = g.channels;
  for (let oy = 0; oy < g.outHeight; oy++) {
    const y0 = max(0, oy * g.strideHeight - g.top);
    const y1 = min(g.height, oy * g.strideHeight - g.top + g.filterHeight);
    for (let ox = 0; ox < g.outWidth; ox++) {
      const x0 = max(0, ox * g.strideWidth - g.left);
      const x1 = min(width, ox * g.strideWidth - g.left + g.filterWidth);
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        let top4 = f32x4.splat(-Infinity);
        let place = i32x4.splat(-1);
        for (let y = y0; y < y1; y++) {
          for (let px = x0; px < x1; px++) {
            const at = ((y * width + px) * channels + c) * 4;
            const value = v128.load(x + at);
            const larger = f32x4.gt(value, top4);
            top4 = v128.bitselect(value, top4, larger);
            place = v128.bitselect(i32x4.splat(at), place, larger);
          }
        }
        pass(dx, i32x4.extract_lane(place, 0), load<f32>(dy));
        pass(dx + 4, i32x4.extract_lane(place, 1), load<f32>(dy, 4));
        pass(dx + 8, i32x4.extract_lane(place, 2), load<f32>(dy, 8));
        pass(dx + 12, i32x4.extract_lane(place, 3), load<f32>(dy, 12));
        dy += 16;
      }
      for (; c < channels; c++) {
        let top1: f32 = -Infinity;
        let place = -1;
        for (let y = y0; y < y1; y++) {
          for (let px = x0; px < x1; px++) {
            const at = ((y * width + px) * channels + c) * 4;
            const value = load<f32>(x + at);
            if (value > top1) {
              top1 = value;
              place = at;
            }
          }
        }
        pass(dx, place, load<f32>(dy));
        dy += 4;
      }
    }
  }
}

function pass(dx: usize, place: i32, value: f32): void {
  if (place >= 0) store<f32>(dx + place, load<f32>(dx + place) + value);
}
