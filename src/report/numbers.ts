// Numbers and times as a person reads them. The same everywhere: no locale of the machine that writes the report.

/** In full for a table: five digits or all of a whole number; `NaN`, `Infinity`, and `-` for what was not measured. */
export function exact(value: number | null | undefined): string {
  if (value === null || value === undefined) return "-";
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return grouped(String(value));
  if (size >= 1e9 || size < 1e-4) return value.toExponential(3);
  if (size >= 10_000) return grouped(String(Math.round(value)));
  return String(Number(value.toPrecision(5)));
}

/** Short, for an axis: `0.25`, `15k`, `1e-5`. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e15 || (size < 1e-3 && size > 0)) {
    return value.toExponential(2).replace(/\.?0*e\+?/, "e");
  }
  for (const [unit, letter] of UNITS) {
    if (size >= unit * (unit === 1e3 ? 10 : 1)) return `${Number((value / unit).toPrecision(4))}${letter}`;
  }
  return String(Number(value.toPrecision(6)));
}

const UNITS = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
] as const;

/** Seconds: `3.4 s`, `2 min 5 s`, `1 h 4 min`, `2 d 3 h`. */
export function duration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return "-";
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `3 workers` */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${exact(count)} ${count === 1 ? noun : many}`;
}

/** Ascending whole numbers in words: `3, 5 to 9`; of many ranges the first few. */
export function ranges(numbers: readonly number[], most = 6): string {
  const spans: [number, number][] = [];
  for (const number of numbers) {
    const last = spans.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else spans.push([number, number]);
  }
  const words = spans.slice(0, most).map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`));
  return spans.length > most ? `${words.join(", ")} and others` : words.join(", ");
}

/** `a`, `a and b`, `a, b and c` */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function grouped(digits: string): string {
  return digits.replaceAll(/\B(?=(\d{3})+$)/g, ",");
}
