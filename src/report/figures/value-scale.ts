// The vertical scale of a chart: linear, or logarithmic where values differ a hundredfold, with the ticks of its axis.
import { extent } from "d3-array";
import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from "d3-scale";
import type { Series } from "./epoch-chart.js";

/** Values of so many times the least and more are drawn on a logarithmic scale. */
const LOGARITHMIC = 100;

/** What is larger is drawn as this large, and what is smaller than its inverse as 0: their differences are no numbers. */
const LARGEST = 1e300;

/** The value as it is drawn. */
export function drawable(value: number): number {
  if (Math.abs(value) < 1 / LARGEST) return 0;
  return Math.max(-LARGEST, Math.min(LARGEST, value));
}

/** From values to places. */
export type Scale = ScaleContinuousNumeric<number, number>;

export interface ValueScale {
  readonly y: Scale;
  readonly isLog: boolean;
  readonly ticks: readonly number[];
}

/** The scale of these series from `bottom` up to `top`; null when no value is finite. */
export function valueScale(series: readonly Series[], bottom: number, top: number): ValueScale | null {
  const finite = series.flatMap(({ values }) =>
    values.filter((value) => value !== null && Number.isFinite(value)),
  );
  const [low, high] = extent((finite as number[]).map(drawable));
  if (low === undefined || high === undefined) return null;
  if (low > 1 / LARGEST && high / low >= LOGARITHMIC) {
    const y = scaleLog([low, high], [bottom - 6, top + 6]).nice();
    const [from, to] = y.domain().map((value) => Math.round(Math.log10(value)));
    const step = Math.max(1, Math.ceil((to - from) / 5));
    const ticks = Array.from(
      { length: Math.floor((to - from) / step) + 1 },
      (_, i) => 10 ** (from + i * step),
    );
    return { y, isLog: true, ticks };
  }
  const isFlat = high - low <= Math.abs(high) * 1e-9;
  const padding = isFlat ? Math.abs(high) / 20 || 0.5 : (high - low) / 20;
  const y = scaleLinear([low - padding, high + padding], [bottom, top]);
  const ticks = y.ticks(5).filter(Number.isFinite);
  return { y, isLog: false, ticks: ticks.length > 0 ? ticks : [low] };
}
