// How long each stage took, and on what: a bar a stage, a piece a loader, and what is left of its epochs.
import { max, sum } from "d3-array";
import { scaleLinear } from "d3-scale";
import { stack } from "d3-shape";
import { clip, markup } from "../markup.js";
import { duration, listed, plural } from "../numbers.js";
import { type RunEpoch, type RunReport, stageSpans } from "../record/run-report.js";
import { type Figure, label, lettersIn, round, svgImage, WIDTH } from "./figure.js";
import { legend, lookClass } from "./legend.js";

const MOST_STAGES = 30;
const ROW = 40;
const LEFT = 4;
/** Saving, comparing weights, logging: an epoch's time that is no loader's. */
const OTHER = "the rest";

/** Draws the stages' times; null when the run does not tell of any. */
export function stageTimes({ epochs, loaders }: RunReport): Figure | null {
  const all = stageSpans(epochs)
    .map(({ stage, from, to }) => timesOf(stage ?? "stage not known", epochs.slice(from - 1, to), loaders))
    .filter(({ total }) => total > 0);
  if (all.length === 0) return null;
  const stages = all.slice(0, MOST_STAGES);
  const parts = [...loaders, OTHER];
  const looks = parts.map((name, i) => ({ name, look: { colour: i, dash: 0 } }));
  const keys = legend(looks);
  const top = keys.height + 4;
  const x = scaleLinear([0, max(stages, ({ total }) => total) ?? 1], [LEFT, WIDTH - 4]);
  const pieces = stack<StageTime>()
    .keys(parts)
    .value(({ seconds }, part) => seconds.get(part) ?? 0)([...stages]);
  const bars = pieces.map((piece, i) => {
    const bar = piece.map(
      ([from, to], row) =>
        markup`<rect class="bar" x="${round(x(from))}" y="${top + row * ROW + 18}" width="${round(Math.max(0, x(to) - x(from)))}" height="14"><title>${stages[row].stage}, ${parts[i]}: ${duration(to - from)}</title></rect>`,
    );
    return markup`<g class="${lookClass(looks[i].look)}">${bar}</g>`;
  });
  const names = stages.map(({ stage, total, epochs: count }, row) => {
    const said = `${duration(total)}, ${plural(count, "epoch")}`;
    const y = top + row * ROW + 13;
    const text = clip(stage, lettersIn(WIDTH - 8) - said.length - 2);
    return [label(LEFT, y, text, "start", "name"), label(WIDTH - 4, y, said, "end")];
  });
  const title = "Time of each stage";
  const longest = stages.reduce((a, b) => (b.total > a.total ? b : a));
  const description = `${plural(all.length, "stage")} took ${duration(sum(all, ({ total }) => total))} in their epochs; the longest is ${longest.stage} with ${duration(longest.total)}. The pieces are ${listed(parts)}.`;
  return {
    title,
    description,
    svg: svgImage(title, description, top + stages.length * ROW, [...keys.content, ...names, ...bars]),
    table: {
      head: ["stage", "epochs", ...parts, "together"],
      rows: stages.map(({ stage, seconds, total, epochs: count }) => [
        stage,
        String(count),
        ...parts.map((part) => duration(seconds.get(part) ?? 0)),
        duration(total),
      ]),
      lacks: null,
    },
    notes: all.length > stages.length ? [`The first ${stages.length} of ${all.length} stages.`] : [],
  };
}

interface StageTime {
  readonly stage: string;
  readonly epochs: number;
  /** Of each loader, and of the rest. */
  readonly seconds: ReadonlyMap<string, number>;
  readonly total: number;
}

function timesOf(stage: string, epochs: readonly RunEpoch[], loaders: readonly string[]): StageTime {
  const seconds = new Map(
    loaders.map((key) => [key, sum(epochs, (epoch) => epoch.loaders.get(key)?.seconds ?? 0)] as const),
  );
  const inLoaders = sum(seconds.values());
  const total = Math.max(
    inLoaders,
    sum(epochs, (epoch) => epoch.seconds ?? 0),
  );
  return { stage, epochs: epochs.length, seconds: seconds.set(OTHER, total - inLoaders), total };
}
