// The module hooks for recipes, both as Node's synchronous registerHooks and as the older register call them: the
// same answers. Whole recipes are loaded in test/multiprocess, on each Node that there is.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { LoadHookContext, ResolveHookContext } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { hooksInThread, initialize, load, resolve } from "../../../src/worker/stage/recipe-hooks.js";
import { temporaryFolder } from "../../support/data-files.js";

const urls = {
  recipe: "file:///home/me/recipe.js",
  index: "file:///opt/ddp-train/dist/index.js",
  here: "file:///opt/ddp-train/dist/worker/stage/load-recipe.js",
};
const inThread = hooksInThread(urls);
const context: ResolveHookContext = {
  conditions: ["node", "import"],
  importAttributes: {},
  importAssertions: {},
  parentURL: urls.recipe,
};

/** Node's own resolution, which finds these specifiers from these parents only. */
function find(known: Readonly<Record<string, string>>) {
  return (specifier: string, given?: Partial<ResolveHookContext>) => {
    const url = known[`${specifier} from ${given?.parentURL}`];
    if (!url) throw new Error(`cannot find ${specifier}`);
    return { url };
  };
}

describe("resolving", () => {
  const tfjs = "@tensorflow/tfjs-core";
  const ownCopy = "file:///home/me/node_modules/tfjs/index.js";
  const cases: readonly [
    name: string,
    specifier: string,
    known: Record<string, string>,
    url: string | null,
  ][] = [
    [
      "ddp-train is the one that runs",
      "ddp-train",
      { [`ddp-train from ${urls.recipe}`]: "other" },
      urls.index,
    ],
    ["what Node finds stays", "./a.js", { [`./a.js from ${urls.recipe}`]: "file:///a.js" }, "file:///a.js"],
    ["tfjs is the project's own", tfjs, { [`${tfjs} from ${urls.recipe}`]: ownCopy }, ownCopy],
    ["or else ddp-train's", tfjs, { [`${tfjs} from ${urls.here}`]: "file:///tfjs.js" }, "file:///tfjs.js"],
    ["./a.js names a.ts", "./a.js", { [`./a.ts from ${urls.recipe}`]: "file:///a.ts" }, "file:///a.ts"],
    [
      "../b.mjs names b.mts",
      "../b.mjs",
      { [`../b.mts from ${urls.recipe}`]: "file:///b.mts" },
      "file:///b.mts",
    ],
    [
      "a package's a.js does not name a.ts",
      "p/a.js",
      { [`p/a.ts from ${urls.recipe}`]: "file:///a.ts" },
      null,
    ],
    ["nor is another package looked for elsewhere", "lodash", { [`lodash from ${urls.here}`]: "x" }, null],
  ];
  for (const [name, specifier, known, url] of cases) {
    test(name, async () => {
      await initialize(urls);
      const next = find(known);
      const missing = { message: `cannot find ${specifier}` };
      if (url === null) {
        assert.throws(() => inThread.resolve(specifier, context, next), missing);
        await assert.rejects(async () => resolve(specifier, context, next), missing);
      } else {
        assert.equal(inThread.resolve(specifier, context, next).url, url);
        assert.equal((await resolve(specifier, context, next)).url, url);
      }
    });
  }
});

describe("loading", () => {
  const loadContext: LoadHookContext = {
    conditions: [],
    format: undefined,
    importAttributes: {},
    importAssertions: {},
  };
  /** Node's own loading: says what it was asked for. */
  const next = (url: string, { format }: LoadHookContext) => ({ asked: url, format });
  const both = async (url: string) => {
    await initialize(urls);
    const result = inThread.load(url, loadContext, next);
    assert.deepEqual(await load(url, loadContext, next), result);
    return result as { readonly format: string; readonly source?: string; readonly asked?: string };
  };

  test("a TypeScript file is stripped of its types, and keeps its lines in reports", async (t) => {
    const path = join(temporaryFolder(t), "a b.ts");
    writeFileSync(path, "export const size: number = 64 satisfies number;\nexport type Gone = string;\n");
    const { format, source } = await both(pathToFileURL(path).href);
    assert.equal(format, "module");
    assert.match(String(source), /const size = 64;/);
    assert.doesNotMatch(String(source), /Gone|: number/);
    const map = /sourceMappingURL=data:application\/json;base64,(\S+)/.exec(String(source))!;
    assert.deepEqual(JSON.parse(Buffer.from(map[1], "base64").toString()).sources, [path]);
  });

  test("a recipe.js is a module, whatever its folder says; another .js is what it is", async () => {
    assert.deepEqual(await both(urls.recipe), { asked: urls.recipe, format: "module" });
    const helper = "file:///home/me/helper.js";
    assert.deepEqual(await both(helper), { asked: helper, format: undefined });
    const builtin = "node:fs";
    assert.deepEqual(await both(builtin), { asked: builtin, format: undefined });
  });
});
