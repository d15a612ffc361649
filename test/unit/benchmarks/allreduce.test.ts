// `npm run bench -- allreduce` with two real processes and small arrays, without peers.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../support/cli.js";

const document = join(root, "docs/benchmarks.md");

function bench(...args: string[]) {
  const program = join(root, "benchmarks/bench.ts");
  return spawnSync(process.execPath, ["--import", "tsx", program, ...args], {
    cwd: root,
    encoding: "utf8",
    timeout: 60_000,
  });
}

test("measures each size on two ranks and leaves the document alone when told to", () => {
  const before = readFileSync(document, "utf8");
  const options = ["--ranks", "2", "--sizes", "4000,40000", "--rounds", "1", "--no-peers", "--no-write"];
  const { status, stdout, stderr } = bench("allreduce", ...options);
  assert.equal(status, 0, stderr);
  for (const size of ["4 KB", "40 KB"]) {
    const line = stdout.split("\n").find((text) => text.startsWith(`| ${size} `));
    const [, , ours, copy, ratio] = line?.split("|").map((text) => Number.parseFloat(text)) ?? [];
    assert.ok(ours > 0 && copy > 0, `no times for ${size}:\n${stdout}`);
    assert.ok(Math.abs(ratio / (ours / copy) - 1) < 0.02, `ratio ${ratio} of ${ours} and ${copy}`);
  }
  assert.doesNotMatch(stdout, /gloo/);
  assert.equal(readFileSync(document, "utf8"), before);
});

test("says in one line what to do without a build", () => {
  const { status, stdout, stderr } = bench(
    "allreduce",
    "--dist",
    "no-such-build",
    "--no-peers",
    "--no-write",
  );
  assert.equal(status, 2);
  assert.equal(stderr, "bench: no-such-build holds no build of ddp-train: run npm run build\n");
  assert.equal(stdout, "");
});
