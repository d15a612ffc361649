// The page: one file that needs nothing else, and in which names are letters.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { PALETTES } from "../../../src/report/page/style.js";
import { reportPage } from "../../../src/report/page.js";
import { readRun } from "../../../src/report/record.js";
import { writeReport } from "../../../src/report/write.js";
import { contrast, mixed } from "./contrast.js";
import { classMetrics, epochs, type FakeRun, work, writeRun } from "./runs.js";

after(() => rmSync(work, { recursive: true, force: true }));

const page = (...runs: FakeRun[]) => {
  const [first, ...others] = runs.map((run) => readRun(writeRun(run)));
  return reportPage([first, ...others]);
};

const usual: FakeRun = {
  stages: [
    ["warm", epochs(2, (i) => ({ loss: 2 - i, lr: 0.1, ...classMetrics(3, true) }))],
    ["main", epochs(2, (i) => ({ loss: 1 / (i + 2), lr: 0.01, ...classMetrics(3, true) }))],
  ],
  best: ["main", 2, "loss", "valid", 1 / 3],
};

/** A run in which everything that has a name has this one. */
function named(name: string): FakeRun {
  const metrics = {
    [name]: 1,
    loss: 1,
    [`f1/class_${name}`]: 0.5,
    [`confusion_matrix/target_${name}_as_${name}`]: 3,
  };
  return {
    stages: [[name, epochs(2, () => metrics, [`train${name}`, `valid${name}`])]],
    best: [name, 2, name, `valid${name}`, 1],
    tables: false,
    summary: {
      status: "failed",
      error: name,
      recipe: name,
      dataset: name,
      engine: name,
      weights_sha256: name,
    },
    config: {
      started: name,
      recipe: name,
      versions: { [name]: name },
      engine: { engine: name, description: name, skipped: [{ engine: name, reason: name }] },
      options: { recipe: name, [name]: name, stages: [name] },
      resumed: [{ time: name, from: name, world_size: 2, engine: name }],
    },
  };
}

/** A page's tags in order, with the names of their attributes: what names out of files must not change. */
function skeleton(html: string): string[] {
  return [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replaceAll(/"[^"]*"/g, '""'));
}

test("whatever names hold, the tags of the page are the same", () => {
  const hostile = [
    "<script>alert(1)</script>",
    "</title></svg><img src=x onerror=alert(1)>",
    `" onload="alert(1)" x="`,
    "' autofocus onfocus='alert(1)",
    "]]><!-- --></style><style>*{display:none}",
    "&lt;b&gt; &#x3c;i&#x3e; &amp;",
    "\u202egnp.exe\u2066\u200f שלום",
    "\u0000\u0007\u001b[31m\r\n\ttab",
    "javascript:alert(1) \ud800 \uffff",
    "$\u007b7*7} {{7*7}} %3Cscript%3E",
    "../../etc/passwd",
  ];
  for (const name of hostile) {
    const plain = [...name].map((character) => (character === "/" ? "/" : "x")).join("");
    assert.deepEqual(skeleton(page(named(name))), skeleton(page(named(plain))), name);
    assert.deepEqual(skeleton(page(named(name), usual)), skeleton(page(named(plain), usual)), name);
    assert.doesNotMatch(
      page(named(name)).replaceAll("\n", ""),
      /[\p{Cc}\p{Cs}\p{Bidi_C}\ufffe\uffff]/u,
      name,
    );
  }
});

test("it needs no script and no network, and may use none", () => {
  for (const html of [page(usual), page(usual, usual)]) {
    assert.doesNotMatch(
      html,
      /<(script|link|img|iframe|object|embed|base|form)\b|\s(src|href|srcset|on\w+)=|url\(|@import/i,
    );
    assert.doesNotMatch(html.replaceAll('xmlns="http://www.w3.org/2000/svg"', ""), /https?:/);
    const style = /<style>(.*?)<\/style>/s.exec(html)?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    assert.ok(
      html.includes(
        `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
      ),
    );
  }
});

test("it says what ran, how it ended, what was best, and what to type", () => {
  const html = page({
    ...usual,
    summary: { status: "interrupted", error: "interrupted by SIGINT", restarts: 2 },
    config: { resumed: [{ time: "2026-11-26", from: "/x/last.safetensors", world_size: 4, engine: "cpu" }] },
  });
  const text = html
    .replaceAll(/<style>.*<\/style>/gs, "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll(/\s+/g, " ");
  for (const said of [
    "toy on made up",
    "interrupted by SIGINT",
    "best valid loss 0.33333 epoch 4 of the run, 2 of stage main",
    "Stages: warm (epochs 1 to 2) and main (epochs 3 to 4).",
    "restarts 2",
    "2026-11-26 with 4 workers on cpu, from /x/last.safetensors",
    "batches left out 4, since a loss or the gradient was not finite",
    "tfjs 4.22.0",
    "cuda : no GPU found",
    "0123456789abcdef0123456789abcdef",
    "ddp-train --workers 2 --device cpu --recipe &#39;/home/me/my recipe.ts&#39; --batch-size 16",
  ]) {
    assert.ok(text.includes(said), said);
  }
  assert.match(text, /ddp-train --resume \S+ --recipe/);
});

test("a run without an epoch, and one without a configuration, have a page too", () => {
  assert.match(page({ stages: [], summary: { status: "failed", error: "no data" } }), /nothing to draw/);
  assert.match(page({ ...usual, config: null }), /There is no config\.json/);
  assert.match(page({ ...usual, summary: null }), /not finished/);
  assert.match(page({ stages: [["s", epochs(2, (i) => ({ loss: i }), ["infer"])]] }), /Loss and metrics/);
});

test("several runs are a table of what differs, their curves, and each of them", () => {
  const other = { ...usual, config: { options: { seed: 7, batch_size: 16 } } };
  const html = page(usual, other);
  assert.match(html, /<h1>2 training runs<\/h1>/);
  assert.match(
    html,
    /<tr class="differs"><th scope="row">≠ <bdi>option seed<\/bdi><\/th><td><bdi>42<\/bdi><\/td><td><bdi>7/,
  );
  assert.match(html, /<tr><th scope="row"><bdi>recipe<\/bdi>/);
  assert.equal(html.match(/<details class="run">/g)?.length, 2);
});

test("runs whose folders have one name are told apart by their paths", () => {
  for (const parent of ["left", "right"]) mkdirSync(join(work, parent), { recursive: true });
  const [left, right] = ["left", "right"].map((parent) => readRun(writeRun(usual, `${parent}/same`)));
  assert.match(reportPage([left, right]), /left\/same<\/bdi>, <bdi>[^<]*right\/same</);
});

test("the same files give the same page, written whole", () => {
  const logdir = writeRun(usual);
  const out = join(work, "out.html");
  writeReport([logdir], out);
  const first = readFileSync(out, "utf8");
  writeReport([logdir], out);
  assert.equal(readFileSync(out, "utf8"), first);
  assert.match(first, /^<!doctype html>.*<\/html>\n$/s);
  assert.throws(() => writeReport([], out), { name: "UsageError" });
  assert.throws(() => writeReport([join(work, "nowhere")], out), { name: "UsageError" });
  assert.throws(() => writeReport([logdir], join(work, "no/such/folder.html")), { name: "RunError" });
});

test("letters have a contrast of 4.5 and more, lines and marks of 3 and more, light and dark", () => {
  for (const palette of Object.values(PALETTES)) {
    const { paper, card, band, ink, soft, link, good, bad, mild } = palette;
    for (const behind of [paper, card, band]) {
      for (const letters of [ink, soft, link, good, bad, mild]) {
        assert.ok(contrast(letters, behind) >= 4.5, `${letters} on ${behind}`);
      }
      for (const mark of [
        palette.c0,
        palette.c1,
        palette.c2,
        palette.c3,
        palette.c4,
        palette.c5,
        palette.c6,
        palette.c7,
      ]) {
        assert.ok(contrast(mark, behind) >= 3, `${mark} on ${behind}`);
      }
    }
    // Counts in the cells of a confusion matrix, which are 0.6 opaque at most.
    for (const cell of [palette.right, palette.wrong]) {
      for (const opacity of [0, 0.2, 0.4, 0.6]) {
        assert.ok(contrast(ink, mixed(cell, card, opacity)) >= 4.5, `${ink} on ${opacity} ${cell}`);
      }
    }
  }
});
