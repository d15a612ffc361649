// Which line is which: a colour, a dash and a mark for each, so that none is told by its colour alone.
import { symbol, symbolsFill } from "d3-shape";
import { clip, type Markup, markup } from "../markup.js";
import { label, lettersIn, WIDTH, widthOf } from "./figure.js";

/** How a series looks. */
export interface Look {
  /** Number of its colour, from 0; the page's style has {@link COLOURS}. */
  readonly colour: number;
  /** 0 is a whole line, 1 a dashed one, 2 dotted. */
  readonly dash: number;
}

export const COLOURS = 8;
const ROW = 17;
const SAMPLE = 20;
const GAP = 14;

/** Classes of a series: its colour and dash. */
export function lookClass({ colour, dash }: Look): string {
  return `c${colour % COLOURS} d${dash % 3}`;
}

/** The mark of a series, around 0, 0. */
export function markPath({ colour }: Look, size = 22): string {
  return symbol(symbolsFill[colour % symbolsFill.length], size).digits(1)() ?? "";
}

/** A legend at the top of a chart, in as many rows as it needs, and their height. Of one series there is none. */
export function legend(entries: readonly { readonly name: string; readonly look: Look }[]): {
  readonly content: readonly Markup[];
  readonly height: number;
} {
  if (entries.length < 2) return { content: [], height: 0 };
  let [x, y] = [2, 10];
  const content = entries.map(({ name, look }) => {
    const text = clip(name, lettersIn(WIDTH - SAMPLE - GAP));
    const width = SAMPLE + 5 + widthOf(text);
    if (x > 2 && x + width > WIDTH) {
      x = 2;
      y += ROW;
    }
    const entry = markup`<g class="${lookClass(look)}"><path class="line" d="M${x} ${y}h${SAMPLE}"/><path class="mark" transform="translate(${x + SAMPLE / 2} ${y})" d="${markPath(look)}"/>${label(x + SAMPLE + 5, y + 4, text, "start", "name")}</g>`;
    x += width + GAP;
    return entry;
  });
  return { content, height: y + 8 };
}
