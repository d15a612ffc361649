// What a figure is: a chart as SVG with its numbers as a table, both pure functions of a run's record. The page's style
// colours it; nothing here knows of a page, a document or a file.
import { Markup, markup, type Part } from "../markup.js";

export interface Figure {
  readonly title: string;
  /** In whole sentences what the chart shows, for those who cannot see it. */
  readonly description: string;
  readonly svg: Markup;
  readonly table: Table;
  /** What the chart cannot show. */
  readonly notes: readonly string[];
}

/** A head and rows of cells; the first cell of each row is its heading. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What is not in it, in a sentence; null when it is whole. */
  readonly lacks: string | null;
}

/** Units of every chart's width: pixels on a phone, so that letters stay as large as they are meant. */
export const WIDTH = 360;
/** A letter's width at the charts' size of text, 12 units: wide enough for most. */
export const LETTER = 6.7;

/** The SVG of a chart. `title` and `description` are what is read out. */
export function svgImage(title: string, description: string, height: number, content: Part): Markup {
  return markup`<svg role="img" viewBox="0 0 ${WIDTH} ${round(height)}" xmlns="http://www.w3.org/2000/svg"><title>${title}</title><desc>${description}</desc>${content}</svg>`;
}

/** Where a text stands on its place: its end, middle or start. */
export type Anchor = "start" | "middle" | "end";

/** A text at a place, of a class of the page's style. */
export function label(x: number, y: number, text: string, anchor: Anchor = "start", kind = "tick"): Markup {
  return markup`<text class="${kind}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${text}</text>`;
}

/** A line through places that were computed, of a class of the page's style. */
export function path(kind: string, data: string): Markup {
  return markup`<path class="${kind}" d="${new Markup(data)}"/>`;
}

/** How wide a text is, about. */
export function widthOf(text: string): number {
  return [...text].length * LETTER;
}

/** How many letters stand in so many units. */
export function lettersIn(width: number): number {
  return Math.max(0, Math.floor(width / LETTER));
}

/** A coordinate, to a tenth of a unit. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
