// Names out of files are letters on the page, whatever they hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clip, Markup, markup } from "../../../src/report/markup.js";

test("values are escaped, in text and inside quotes; markup and lists of it are not", () => {
  const name = `<b a="1" b='2'>&`;
  assert.equal(
    markup`<p title="${name}">${[markup`<i>${1}</i>`, null, name]}</p>`.text,
    '<p title="&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;"><i>1</i>&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;</p>',
  );
});

test("no text makes a tag, ends an attribute or leaves a character that XML forbids or that turns what follows", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
      const { text: made } = markup`${text}`;
      assert.doesNotMatch(made, /[<>"'\p{Cc}\p{Cs}\p{Bidi_C}\ufffe\uffff]/u);
      assert.doesNotMatch(made, /&(?!(amp|lt|gt|quot|#39);)/);
    }),
  );
});

test("control characters, lone surrogates and turns of direction are told by their numbers", () => {
  assert.equal(markup`${"a\u0000\u001b[2J\u202eb\ud800"}`.text, "a\\u{0}\\u{1b}[2J\\u{202e}b\\u{d800}");
  assert.equal(markup`${"שלום 😀"}`.text, "שלום 😀");
});

test("a longer text loses its middle, and no half of a character is left", () => {
  assert.equal(clip("abcdefgh", 5), "ab…gh");
  assert.equal(clip("abc", 3), "abc");
  assert.equal([...clip("😀".repeat(50), 7)].length, 7);
  assert.ok(markup`${"x".repeat(1_000_000)}`.text.length <= 2000);
});

test("what was computed is taken as it is, of any length", () => {
  const data = "M0 0".repeat(10_000);
  assert.equal(markup`${new Markup(data)}`.text, data);
});
