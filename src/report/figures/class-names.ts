// Names of metrics that are of one class, as the metrics room makes them: `precision/class_03`,
// `confusion_matrix/target_00_as_03`; a recipe with several outputs may put more in front of them.

/** Metrics of each class that have a figure. */
export const CLASS_METRICS = ["precision", "recall", "f1"] as const;
export type ClassMetric = (typeof CLASS_METRICS)[number];

const BY_CLASS = /^(?:(.*)\/)?([^/]+)\/class_([^/]+)$/s;
const CONFUSION = /^(?:(.*)\/)?confusion_matrix\/target_([^/]+)_as_([^/]+)$/s;

/** Whether a metric is of one class, or of a pair of them. */
export function isByClass(name: string): boolean {
  return BY_CLASS.test(name) || CONFUSION.test(name);
}

/** Numbers of a class, by metric. */
export interface ClassNumbers {
  readonly name: string;
  readonly metrics: ReadonlyMap<string, number>;
}

/** Classes by what stands in front of their names, usually nothing. */
export function classesOf(metrics: ReadonlyMap<string, number>): Map<string, ClassNumbers[]> {
  const groups = new Map<string, Map<string, Map<string, number>>>();
  for (const [metric, value] of metrics) {
    const [, prefix = "", kind, name] = BY_CLASS.exec(metric) ?? [];
    if (name === undefined) continue;
    const group = entryOf(groups, prefix, () => new Map<string, Map<string, number>>());
    entryOf(group, name, () => new Map<string, number>()).set(kind, value);
  }
  const numbers = [...groups].map(([prefix, group]) => {
    return [prefix, [...group].map(([name, of]) => ({ name, metrics: of }))] as const;
  });
  return new Map(numbers);
}

/** Counts of samples of class `target` that were taken for class `predicted`. */
export interface Confusion {
  /** Names of the classes, rows and columns alike. */
  readonly classes: readonly string[];
  /** Row-major [classes, classes], rows are targets. */
  readonly counts: Float64Array;
}

/** Confusion matrices by what stands in front of their names, usually nothing. */
export function confusionsOf(metrics: ReadonlyMap<string, number>): Map<string, Confusion> {
  const groups = new Map<string, { target: string; predicted: string; count: number }[]>();
  for (const [metric, count] of metrics) {
    const [, prefix = "", target, predicted] = CONFUSION.exec(metric) ?? [];
    if (predicted !== undefined) entryOf(groups, prefix, () => []).push({ target, predicted, count });
  }
  const matrices = [...groups].map(([prefix, cells]) => {
    const classes = [...new Set(cells.flatMap(({ target, predicted }) => [target, predicted]))];
    const places = new Map(classes.map((name, i) => [name, i]));
    const counts = new Float64Array(classes.length ** 2);
    for (const { target, predicted, count } of cells) {
      counts[places.get(target)! * classes.length + places.get(predicted)!] = count;
    }
    return [prefix, { classes, counts }] as const;
  });
  return new Map(matrices);
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
