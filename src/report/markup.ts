// Markup that cannot be forged: what comes from files (names of recipes, stages, metrics, an error) is text, and every
// way from text to markup is through here. Serves HTML and SVG alike.

/** Text that is markup already: what the tag {@link markup} makes, and numbers and letters that no file has a part in. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand between tags or inside quotes of an attribute; null is nothing. */
export type Part = Markup | string | number | null | readonly Part[];

/** Characters of a name that are shown; of a longer one the middle is left out. */
const LONGEST = 2000;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Tag of a template: its own text is markup, every value in it is escaped unless it is markup. */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.reduce((text, string, i) => text + escaped(parts[i - 1]) + string));
}

/**
 * The text as it may stand in HTML and XML. Control characters, lone surrogates, and those that turn the direction of
 * what follows become their numbers, `\u{202e}`.
 */
export function escapeText(text: string): string {
  return clip(text, LONGEST)
    .replaceAll(
      /[\p{Cc}\p{Cs}\p{Bidi_C}\u2028\u2029\ufffe\uffff]/gu,
      (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
    )
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** The text in at most `length` characters; what is left out of its middle is an ellipsis. */
export function clip(text: string, length: number): string {
  // A character may have two code units, so that only a longer text can be too long.
  if (text.length <= length) return text;
  const characters = [...text];
  if (characters.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  const tail = length - 1 - head;
  return `${characters.slice(0, head).join("")}…${characters.slice(characters.length - tail).join("")}`;
}

function escaped(part: Part): string {
  if (part === null) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(escaped).join("");
  return escapeText(String(part));
}
