// A run tells its user nothing of Node's own affairs (deprecations, experiments), on this Node and on every other one
// that DDP_NODES names: paths of node binaries with a colon between them. All give the same weights.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { writeBars } from "../support/bars.js";
import { readSummary, root } from "../support/cli.js";
import { lineRecipe, SIZE } from "../support/line-recipe.js";

const work = mkdtempSync(join(tmpdir(), "ddp-nodes-"));
const data = join(work, "data");
before(() => writeBars(data, 66, 21));
after(() => rmSync(work, { recursive: true, force: true }));

const own = process.execPath;
const others = (process.env.DDP_NODES ?? "").split(":").filter((path) => path !== "");
const run = promisify(execFile);

/** Runs the built command with this node; what it left on standard error, and its weights. */
async function train(node: string, args: readonly string[]): Promise<{ stderr: string; weights: string }> {
  const logdir = mkdtempSync(join(work, "run-"));
  const command = [join(root, "dist/launcher/cli.js"), "--workers", "2", "--epochs", "1", "--overwrite"];
  // Whatever the user's shell says of warnings, this is about what Node says by itself.
  const env = { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "", NODE_NO_WARNINGS: "" };
  const given = [...command, ...args, "--logdir", logdir];
  const { stderr } = await run(node, given, { env, timeout: 90_000, killSignal: "SIGKILL" });
  return { stderr, weights: String(readSummary(logdir).weights_sha256) };
}

const jobs: readonly (readonly [name: string, args: () => readonly string[]])[] = [
  ["the built-in recipe", () => ["--dataset", "mnist", "--data-dir", data, "--batch-size", "4"]],
  ...(["ts", "js"] as const).map(
    (language) => [`a recipe in ${language}`, () => ownRecipe(language)] as const,
  ),
];

/** In a folder of its own that Node takes for a CommonJS package. */
function ownRecipe(language: "ts" | "js"): readonly string[] {
  const folder = mkdtempSync(join(work, "own-"));
  writeFileSync(join(folder, "package.json"), "{}");
  writeFileSync(join(folder, "size.ts"), SIZE);
  writeFileSync(join(folder, `line.${language}`), lineRecipe(language));
  return ["--recipe", join(folder, `line.${language}`), "--batch-size", "8"];
}

const skip = others.length > 0 ? false : "DDP_NODES names no other node binaries";

for (const [name, args] of jobs) {
  describe(name, () => {
    let expected = "";
    before(async () => {
      expected = (await train(own, args())).weights;
    });

    test("leaves no word of Node's own on standard error", async () => {
      const { stderr, weights } = await train(own, args());
      assert.doesNotMatch(stderr, /deprecat|experimental|node:\d+|trace-/i);
      assert.equal(weights, expected);
    });

    test("does so on the other Node versions, with the same weights", { skip }, async (t) => {
      for (const node of others) {
        const { stdout } = await run(node, ["--version"]);
        await t.test(`node ${stdout.trim()}`, async () => {
          const { stderr, weights } = await train(node, args());
          assert.doesNotMatch(stderr, /deprecat|experimental|node:\d+|trace-/i);
          assert.equal(weights, expected);
        });
      }
    });
  });
}
