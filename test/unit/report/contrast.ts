// Contrast of two colours as WCAG 2 defines it, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.

/** From 1, the same, to 21, black on white; colours as `#rrggbb`. */
export function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/** What is seen where `above` covers `below` by `opacity`, 0 to 1. */
export function mixed(above: string, below: string, opacity: number): string {
  const [over, under] = [channels(above), channels(below)];
  const mix = over.map((value, i) => Math.round(value * opacity + under[i] * (1 - opacity)));
  return `#${mix.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

function luminance(colour: string): number {
  const [red, green, blue] = channels(colour).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function channels(colour: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}
