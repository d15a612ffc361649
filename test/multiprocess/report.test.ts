// Reports of real runs in a real browser: nothing on the console, no request, no fault of accessibility, whole on a
// narrow screen; light and dark.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { writeReport } from "../../src/report/write.js";
import { Chromium, findChromium, type View } from "../support/chromium.js";
import { ddpTrain, root } from "../support/cli.js";
import { classMetrics, epochs, work as made, writeRun } from "../unit/report/runs.js";

const work = mkdtempSync(join(tmpdir(), "ddp-report-"));
const chromium = findChromium();
const skip = chromium === null && "no Chromium is installed: the report was not looked at in a browser";

const digits = join(work, "digits");
const regression = join(work, "regression");
const failed = join(work, "failed");
const pages = new Map<string, string>();

before(async () => {
  const small = ["--workers", "2", "--quiet"];
  const recipe = join(root, "examples/regression.ts");
  const broken = join(work, "broken.ts");
  const source = readFileSync(recipe, "utf8");
  const rate = 'stage === "coarse" ? 1e-2 : 1e-3';
  assert.ok(source.includes(rate));
  // The second stage's steps are so large that the loss is soon no number.
  writeFileSync(broken, source.replace(rate, 'stage === "coarse" ? 1e-2 : 1e38'));
  const runs = [
    await ddpTrain([
      ...small,
      "--dataset",
      "digits",
      "--epochs",
      "2",
      "--batch-size",
      "128",
      "--logdir",
      digits,
    ]),
    await ddpTrain([...small, "--recipe", recipe, "--logdir", regression]),
    await ddpTrain([...small, "--recipe", broken, "--logdir", failed]),
  ];
  assert.deepEqual(
    runs.map(({ code }) => code),
    [0, 0, 1],
    runs.map(({ stderr }) => stderr).join(),
  );
  for (const logdir of [digits, regression, failed]) pages.set(logdir, join(logdir, "report.html"));
  pages.set("compared", join(work, "compared.html"));
  const compared = await ddpTrain([
    "report",
    digits,
    regression,
    failed,
    "--out",
    join(work, "compared.html"),
  ]);
  assert.equal(compared.code, 0, compared.stderr);
  pages.set("odd", join(work, "odd.html"));
  writeReport([odd()], join(work, "odd.html"));
});
after(() => {
  for (const folder of [work, made]) rmSync(folder, { recursive: true, force: true });
});

/** A run with NaN, many classes, and names that would like to be markup. */
function odd(): string {
  const evil = `<script>document.title="broken"</script><img src=http://localhost:9/ onerror=throw>"'`;
  const metrics = (i: number) => ({
    loss: i === 3 ? Number.NaN : 1 / (i + 1),
    [evil]: i,
    ...classMetrics(30, true),
  });
  return writeRun({
    stages: [[evil, epochs(50, metrics)]],
    best: [evil, 2, "loss", "valid", 0.5],
    summary: { status: "failed", error: evil, recipe: evil, dataset: "\u202eelif" },
  });
}

test("each run leaves a report of a moderate size, also one that failed", () => {
  for (const path of pages.values()) assert.ok(existsSync(path), path);
  assert.ok(statSync(join(digits, "report.html")).size < 300_000);
  const page = readFileSync(join(failed, "report.html"), "utf8");
  assert.match(page, /<span class="status failed">failed<\/span>/);
  assert.match(page, /<strong>What broke:<\/strong> <bdi>rank \d [^<]*stage fine/);
});

describe("in a browser", { skip }, () => {
  let browser: Chromium;
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

  before(async () => {
    browser = await Chromium.start(chromium as string);
  });
  after(() => browser.close());

  const views: readonly View[] = [
    { width: 1280, scheme: "light" },
    { width: 1280, scheme: "dark" },
    { width: 360, scheme: "light" },
    { width: 360, scheme: "dark" },
  ];
  for (const view of views) {
    test(`every page is quiet, fits and is accessible, ${view.width} px wide, ${view.scheme}`, async () => {
      for (const [name, path] of pages) {
        await browser.open(path, view);
        await browser.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
        assert.deepEqual(browser.happened, [`request ${pathToFileURL(path).href}`], name);
        const width = await browser.evaluate("document.documentElement.scrollWidth");
        assert.ok(Number(width) <= view.width, `${name} is ${width} px wide`);
        await browser.evaluate(`${axe}; 0`);
        const faults = await browser.evaluate(
          "axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html))",
        );
        assert.deepEqual(faults, [], name);
      }
    });
  }

  test("every chart is an image with a name and a description, and has its numbers beside it", async () => {
    for (const path of pages.values()) {
      await browser.open(path, views[0]);
      const found = await browser.evaluate(`[...document.querySelectorAll("figure")].map((figure) => [
        figure.querySelector("svg[role=img] > title")?.textContent.length > 0,
        figure.querySelector("svg[role=img] > desc")?.textContent.length > 0,
        figure.querySelectorAll("details table tbody tr").length > 0,
      ])`);
      const figures = found as readonly (readonly boolean[])[];
      assert.ok(figures.length > 0);
      assert.ok(figures.flat().every(Boolean), path);
    }
  });

  test("letters in charts are at least 10 px tall on a phone, and stay inside", async () => {
    for (const [name, path] of pages) {
      await browser.open(path, views[2]);
      await browser.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
      const outside = await browser.evaluate(`[...document.querySelectorAll("svg text")].filter((text) => {
        const [box, svg] = [text, text.ownerSVGElement].map((each) => each.getBoundingClientRect());
        const size = parseFloat(getComputedStyle(text).fontSize) * svg.width / 360;
        return box.left < svg.left - 1 || box.right > svg.right + 1 || box.top < svg.top - 1 || box.bottom > svg.bottom + 1 || size < 10;
      }).map((text) => text.textContent)`);
      assert.deepEqual(outside, [], name);
    }
  });

  test("names that would like to be markup are letters", async () => {
    await browser.open(join(work, "odd.html"), views[0]);
    const found = await browser.evaluate(
      "[document.querySelectorAll('script, img').length, document.title.startsWith('<script>'), document.querySelector('h1').textContent.includes('onerror')]",
    );
    assert.deepEqual(found, [0, true, true]);
  });
});
