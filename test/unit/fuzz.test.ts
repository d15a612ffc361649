// A short fuzzing of everything that reads input; `npm run fuzz` is the long one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fuzz } from "../../scripts/fuzz/fuzz.js";
import { type Found, hunt } from "../../scripts/fuzz/hunt.js";
import { judge } from "../../scripts/fuzz/target.js";
import { targets } from "../../scripts/fuzz/targets.js";
import { targets as mistaken } from "../fixtures/fuzz-targets.js";

const INPUTS = 1000;

for (const target of targets) {
  test(`no input breaks: ${target.name}`, () => {
    let [tried, refused] = [0, 0];
    const watch = {
      begin: () => tried++,
      settle: (isRefused: boolean) => {
        if (isRefused) refused++;
      },
    };
    assert.equal(hunt(target, { seed: 1, inputs: INPUTS }, watch), null);
    assert.equal(tried, INPUTS);
    const read = tried - refused;
    assert.ok(Math.min(read, refused) > INPUTS / 50, `${read} read, ${refused} refused`);
  });
}

describe("fuzzing finds, with an input that shows it", () => {
  const quiet = { begin: () => {}, settle: () => {} };
  for (const [name, kind, detail] of [
    ["bug", "crash", /^TypeError: x is undefined\n/],
    ["nameless", "crash", /does not match .*: something is wrong$/],
    ["greedy", "allocation", /^2\d{8} bytes for an input of \d/],
  ] as const) {
    test(name, () => {
      const target = mistaken.find((one) => one.name === name)!;
      const found = hunt(target, { seed: 1, inputs: 5000 }, quiet) as Found;
      assert.equal(found.kind, kind);
      assert.match(found.detail, detail);
      assert.equal(judge(target, found.input).kind, kind);
      // One hit is what it takes; damage that has nothing to do with it would not be minimal.
      assert.ok(found.input.length <= 9 && found.input.includes(200), String(found.input));
    });
  }

  const module = new URL("../fixtures/fuzz-targets.ts", import.meta.url);
  for (const [name, kind, detail, patience] of [
    ["endless", "hang", /^no end after 300 ms$/, 300],
    ["hungry", "crash", /^the thread ended: .*memory/, 60_000],
  ] as const) {
    test(name, async () => {
      const { found } = await fuzz(name, { module, seed: 1, seconds: 0.2, patience });
      assert.equal(found.length, 1);
      assert.equal(found[0].kind, kind);
      assert.match(found[0].detail, detail);
      assert.ok(found[0].input.includes(200));
    });
  }
});
