// What the documents quote from the code cannot rot: the example, the options, the folders, the dependencies.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { OPTIONS } from "../../src/core/options/table.js";
import { MNIST_OPTIONS } from "../../src/recipes/mnist-options.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (name: string) => readFileSync(join(root, name), "utf8");

test("README.md holds examples/regression.ts, word for word", () => {
  const blocks = [...read("README.md").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
  const example = read("examples/regression.ts");
  assert.ok(blocks.includes(example), "copy examples/regression.ts into README.md");
});

test("README.md's table of options is what --help says", async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", join(root, "src/launcher/cli.ts"), "--help"],
    { cwd: root },
  );
  const options = stdout.slice(stdout.indexOf("\nStart:"), stdout.indexOf("\nExamples:"));
  const entries = options.matchAll(/^ {2}(-\S.*?) {2,}(.*(?:\n {4,}.*)*)/gm);
  const help = [...entries].map(([, option, text]) => [option, text.replace(/\s*\n\s*/g, " ")]);
  assert.ok(help.length >= Object.keys(OPTIONS).length + Object.keys(MNIST_OPTIONS).length, options);
  const rows = read("README.md").matchAll(/^\| `(--?[a-z].*?)` \| (.*) \|$/gm);
  const table = [...rows].map(([, option, text]) => [option, text.replaceAll("\\|", "|")]);
  assert.deepEqual(table, help);
});

test("ARCHITECTURE.md has a row for every folder of src and every dependency", () => {
  const text = read("ARCHITECTURE.md");
  const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const { dependencies, optionalDependencies, devDependencies } = JSON.parse(read("package.json"));
  const packages = Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies });
  const rows = text.split("\n").filter((line) => line.startsWith("| "));
  for (const name of [...folders.map((entry) => entry.name), ...packages]) {
    const row = rows.find((line) => line.split("|")[1].includes(`\`${name}\``));
    assert.ok(row, `ARCHITECTURE.md has no row for ${name}`);
  }
});

test("links between documents lead somewhere", () => {
  const names = readdirSync(root).filter((name) => name.endsWith(".md"));
  for (const name of names) {
    for (const [, target] of read(name).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.doesNotThrow(() => read(target), `${name} links to ${target}`);
    }
  }
});
