// Pieces of the page that are made of figures, tables and facts.
import type { Figure, Table } from "../figures/figure.js";
import { type Markup, markup, type Part } from "../markup.js";

/** A figure with its title, what it cannot show, and its numbers to be opened. */
export function figureBlock({ title, svg, table, notes }: Figure): Markup {
  return markup`<figure><figcaption><h3>${name(title)}</h3></figcaption>
${svg}
${notes.map((note) => markup`<p class="note">${name(note)}</p>`)}
<details><summary>The numbers<span class="hidden"> of ${title}</span></summary>${tableBlock(title, table)}</details>
</figure>
`;
}

/** A table that scrolls by itself, by the keyboard too. */
export function tableBlock(title: string, { head, rows, lacks }: Table): Markup {
  return markup`${lacks === null ? null : markup`<p class="note">${name(lacks)}</p>`}<div class="scroll" tabindex="0" role="group" aria-label="${title}"><table><thead><tr>${head.map((cell) => markup`<th scope="col">${name(cell)}</th>`)}</tr></thead><tbody>
${rows.map(([first = "", ...cells]) => markup`<tr><th scope="row">${name(first)}</th>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>\n`)}</tbody></table></div>`;
}

/** Figures side by side under a heading, with a note or none; nothing when there are no figures. */
export function chartSection(title: string, figures: readonly (Figure | null)[], note = ""): Markup {
  const there = figures.filter((figure) => figure !== null);
  if (there.length === 0) return markup``;
  return markup`<section><h2>${title}</h2>${note === "" ? null : markup`<p class="note">${name(note)}</p>`}
<div class="charts">${there.map(figureBlock)}</div></section>
`;
}

/** Facts by name; those that are not known are left out. */
export function factList(facts: readonly (readonly [string, Part])[]): Markup {
  const known = facts.filter(([, value]) => value !== null);
  return markup`<dl class="facts">${known.map(([term, value]) => markup`<dt>${name(term)}</dt><dd>${value}</dd>\n`)}</dl>`;
}

/** A name out of a file, whose direction of writing is its own. */
export function name(text: string): Markup {
  return markup`<bdi>${text}</bdi>`;
}
