// The tables of docs/scaling.md, from what was measured.
import { spread } from "../statistics.js";
import { markdownTable, shortNumber } from "../table.js";
import {
  type Costs,
  fitRing,
  fitTwo,
  halvingDoubling,
  type Measurement,
  ourRing,
  recursiveDoubling,
  relativeError,
  ring,
  seconds,
} from "./cost-model.js";
import { crossover, efficiency, hierarchical, ours } from "./predict.js";

/** What the fit may see; all else is held out. */
export const FIT_RANKS = [2, 4];
export const FIT_SIZES = [4000, 32_000, 256_000, 4_000_000];
export const HELD_SIZES = [16_000, 1_000_000, 16_000_000];
/** Of a link's bits what is left for bytes of ours: Ethernet, IP and TCP headers at 1500 bytes a packet. */
export const LINK_SHARE = 0.94;

export interface Measured {
  readonly cores: number;
  /** Over TCP between hosts of our own: Mbit/s of each link, null where it was not limited. Empty where none can be had. */
  readonly tcp: readonly { readonly mbits: number | null; readonly runs: readonly Measurement[] }[];
  readonly memory: readonly Measurement[];
  readonly zmq: readonly Measurement[];
  /** Seconds of a step by workers and stage. */
  readonly steps: ReadonlyMap<number, Readonly<Record<string, number>>>;
}

export function linkOf(mbits: number | null): number {
  return mbits === null ? Number.POSITIVE_INFINITY : (mbits * 1e6 * LINK_SHARE) / 8;
}

/** The measurements that the ring is fitted on: over TCP, else over Unix sockets. */
export function baseOf({ tcp, zmq }: Measured): readonly Measurement[] {
  return tcp.find(({ mbits }) => mbits === null)?.runs ?? zmq;
}

export function isFitted({ ranks, bytes }: Measurement): boolean {
  return FIT_RANKS.includes(ranks) && FIT_SIZES.includes(bytes);
}

/** Everything that goes between the markers of the document. */
export function report(measured: Measured, stepMs: number): string {
  const { cores } = measured;
  const base = baseOf(measured);
  const { alpha, beta } = fitRing(base.filter(isFitted), cores);
  const where =
    measured.tcp.length > 0 ? "TCP between network namespaces" : "Unix sockets, for want of namespaces";
  return [
    `### Fitted\n\nOver ${where}, on ${FIT_RANKS.join(" and ")} ranks and ${FIT_SIZES.map(sizeText).join(", ")}: ` +
      `**alpha = ${micro(alpha)} us a hop, beta = ${shortNumber(beta * 1e9)} ns a byte** of one core ` +
      `(${shortNumber(8e-9 / beta)} Gbit/s a rank).`,
    `### Error of the model\n\n${errorTable(measured, alpha, beta)}`,
    `### All-reduce, ms a call\n\n${callTable(measured, alpha, beta)}`,
    ...(measured.steps.size > 0 ? [`### Training step on this machine\n\n${stepTable(measured)}`] : []),
    `### Predicted\n\n${predictions(alpha, beta, stepMs)}`,
  ].join("\n\n");
}

function errorTable(measured: Measured, alpha: number, beta: number): string {
  const { cores, tcp } = measured;
  const base = baseOf(measured);
  const groups: [string, readonly Measurement[], number][] = [
    ["fitted", base.filter(isFitted), Number.POSITIVE_INFINITY],
    [
      `other sizes (${HELD_SIZES.map(sizeText).join(", ")})`,
      base.filter(({ ranks, bytes }) => FIT_RANKS.includes(ranks) && !FIT_SIZES.includes(bytes)),
      Number.POSITIVE_INFINITY,
    ],
    [
      "other numbers of ranks",
      base.filter(({ ranks }) => !FIT_RANKS.includes(ranks)),
      Number.POSITIVE_INFINITY,
    ],
    ...tcp
      .filter(({ mbits }) => mbits !== null)
      .map(({ mbits, runs }): [string, readonly Measurement[], number] => [
        `links of ${mbits} Mbit/s, all sizes and ranks`,
        runs,
        linkOf(mbits),
      ]),
  ];
  const rows = groups
    .filter(([, runs]) => runs.length > 0)
    .map(([name, runs, link]) => {
      const errors = runs.map((run) => Math.abs(relativeError(run, { alpha, beta, link }, cores)));
      const { median, max } = spread(errors);
      return [name, String(runs.length), percent(median), percent(max)];
    });
  return markdownTable([["measurements", "number", "median error", "largest"], ...rows]);
}

function callTable(measured: Measured, alpha: number, beta: number): string {
  const { cores, tcp, memory, zmq } = measured;
  const columns: [string, readonly Measurement[], number | null][] = [
    ["memory", memory, null],
    ["ZeroMQ, Unix", zmq, null],
    ...tcp.map(({ mbits, runs }): [string, readonly Measurement[], number | null] => [
      mbits === null ? "TCP" : `TCP ${mbits} Mbit/s`,
      runs,
      linkOf(mbits),
    ]),
  ];
  const places = [...zmq].sort((a, b) => a.ranks - b.ranks || a.bytes - b.bytes);
  const rows = places.map(({ ranks, bytes }) => [
    `${ranks} ranks, ${sizeText(bytes)}`,
    ...columns.map(([, runs, link]) => {
      const found = runs.find((run) => run.ranks === ranks && run.bytes === bytes);
      if (!found) return "-";
      const took = shortNumber(found.seconds * 1e3);
      if (link === null) return took;
      const model = seconds(ourRing(ranks, bytes), { alpha, beta, link, coresPerRank: cores / ranks });
      return `${took} (${shortNumber(model * 1e3)})`;
    }),
  ]);
  const note = "Measured; over TCP with the model's in brackets. Memory is the way of ranks on one machine.";
  return `${note}\n\n${markdownTable([["", ...columns.map(([name]) => name)], ...rows])}`;
}

/**
 * What computing takes, which waits for a core where there are fewer than ranks, and what each other rank adds, since
 * all must have been given a core before any goes on.
 */
export function stepTable({ steps, cores }: Measured): string {
  const stages = Object.keys(steps.values().next().value ?? {});
  const fitted = [1, 2, 4];
  const models = stages.map((stage) => {
    const points = [...steps]
      .filter(([workers]) => fitted.includes(workers))
      .map(([workers, step]) => {
        return { x: Math.max(1, workers / cores), y: workers - 1, value: step[stage] };
      });
    return points.length > 1 ? fitTwo(points) : null;
  });
  const rows = [...steps].map(([workers, step]) => {
    const crowd = Math.max(1, workers / cores);
    return [
      `${workers}${fitted.includes(workers) ? "" : " (held out)"}`,
      ...stages.flatMap((stage, i) => {
        const model = models[i];
        const predicted = model === null ? null : crowd * model[0] + (workers - 1) * model[1];
        return [
          shortNumber(step[stage] * 1e3),
          predicted === null
            ? "-"
            : `${shortNumber(predicted * 1e3)} (${percent(predicted / step[stage] - 1)})`,
        ];
      }),
    ];
  });
  const said = stages.map((stage, i) => {
    const model = models[i];
    return model === null
      ? ""
      : `${stage}: ${micro(model[0])} us to compute, ${micro(model[1])} us for each other worker`;
  });
  return (
    `ms a step, batch 32 a worker, ${cores} cores, in the second epoch. Model: compute x max(1, workers / cores) + each other x (workers - 1), ` +
    `fitted on ${fitted.join(", ")} workers. ${said.join("; ")}.\n\n` +
    markdownTable([["workers", ...stages.flatMap((stage) => [stage, "model (error)"])], ...rows])
  );
}

/** Assumed, not measured: a switched network's latency with a native transport, and a bus between the GPUs of a node. */
const NATIVE_ALPHA = 20e-6;
const INSIDE = 100e9;
const GRADIENTS: readonly [string, number][] = [
  ["407 KB", 407_080],
  ["100 MB", 100e6],
  ["1.4 GB", 1.4e9],
];

function predictions(alpha: number, beta: number, stepMs: number): string {
  const timeRows: string[][] = [];
  const shareRows: string[][] = [];
  for (const gbits of [10, 100]) {
    const link = linkOf(gbits * 1000);
    const mine: Costs = { alpha, beta, link, coresPerRank: 1 };
    const native: Costs = { alpha: NATIVE_ALPHA, beta: 0, link, coresPerRank: 1 };
    for (const ranks of [8, 64, 512]) {
      for (const [name, n] of GRADIENTS) {
        const place = `${gbits} Gbit/s, ${ranks} GPUs, ${name}`;
        const flat = ours(ranks, n, mine);
        const times = [
          flat,
          ours(ranks, n / 2, mine),
          seconds(ring(ranks, n), native),
          seconds(recursiveDoubling(ranks, n), native),
          seconds(halvingDoubling(ranks, n), native),
          hierarchical(ranks, n, native, INSIDE),
        ];
        timeRows.push([place, ...times.map((time) => shortNumber(time * 1e3))]);
        if (n !== 100e6) continue;
        const compute = stepMs / 1e3;
        const hidden = (2 / 3) * compute;
        const best = times[5];
        const shares = [
          efficiency(compute, flat, 0),
          efficiency(compute, flat, hidden),
          efficiency(compute, best, 0),
          efficiency(compute, best, hidden),
        ];
        shareRows.push([place, ...shares.map(percent)]);
      }
    }
  }
  const crossings = [8, 64, 512].map((ranks) => {
    const native = { alpha: NATIVE_ALPHA, beta: 0, link: linkOf(10_000), coresPerRank: 1 };
    return `${sizeText(crossover(ranks, native))} with ${ranks}`;
  });
  return [
    "ms for one all-reduce, each GPU with a link of its own, but in the hierarchical one a link a node. **Ours**: the alpha and beta fitted above. **Native**: an " +
      `assumed transport with ${micro(NATIVE_ALPHA)} us a hop that fills the link, and ${INSIDE / 1e9} GB/s between the ` +
      "8 GPUs of a node in the hierarchical one.",
    markdownTable([
      [
        "",
        "our ring",
        "our ring, half the bytes",
        "ring",
        "recursive doubling",
        "halving-doubling",
        "hierarchical",
      ],
      ...timeRows,
    ]),
    `Share of a step that is computing, for 100 MB of gradients and an assumed ${stepMs} ms of computing a step; ` +
      "overlapped: what fits into the backward two thirds of it costs nothing.",
    markdownTable([
      ["", "our ring", "our ring, overlapped", "hierarchical", "hierarchical, overlapped"],
      ...shareRows,
    ]),
    `Recursive doubling beats halving and doubling up to ${crossings.join(", ")} GPUs (native, 10 Gbit/s).`,
  ].join("\n\n");
}

export function sizeText(bytes: number): string {
  if (!Number.isFinite(bytes)) return "any size";
  if (bytes < 1e6) return `${Number(shortNumber(bytes / 1e3))} KB`;
  return `${Number(shortNumber(bytes / 1e6))} MB`;
}

function micro(value: number): string {
  return shortNumber(value * 1e6);
}

function percent(value: number): string {
  return `${(value * 100).toFixed(0)}%`;
}
