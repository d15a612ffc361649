// The all-reduce over shared memory, and over hosts that share it inside, through every order in which ranks can run
// ahead of each other and messages between hosts can arrive; then with bugs planted, all of which must be found.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as ring from "../../../src/allreduce/algorithms/ring.js";
import * as shared from "../../../src/allreduce/algorithms/shared.js";
import * as groups from "../../../src/allreduce/group.js";
import type { RanksByHost } from "../../../src/allreduce/shared-memory/hosts.js";
import type { Wire } from "../../../src/core/process-group.js";
import { explore, type Model, Violation } from "../../support/model.js";
import { type Implementation, type Mutation, withMutant } from "../../support/ring-mutants.js";

const FLOAT = 4;
const real: Implementation = { ...ring, ...shared, ...groups };

interface Scenario {
  readonly hosts: RanksByHost;
  /** All-reduces one after another of so many values in one buffer, refilled at once. */
  readonly lengths: readonly number[];
  readonly wire?: Wire;
  readonly pages?: number;
}

/** Pages hold a piece of two values for each chunk; two values go whole. */
function modelOf({ hosts, lengths, wire = "fp32", pages = 2 }: Scenario, code: Implementation): Model {
  const worldSize = hosts.flat().length;
  // Half the page for half the bytes, so that pieces hold as many values.
  const bytes = wire === "fp32" ? FLOAT : FLOAT / 2;
  const memory = { hosts, pageBytes: 2 * worldSize * bytes, pages };
  return {
    worldSize,
    memory,
    join: async (link, own) => {
      assert.ok(own !== undefined);
      const allReduce = new code.SharedAllReduce(own, hosts, 2 * bytes);
      return code.DdpProcessGroup.ofAll(link, { timeoutSeconds: 1 }, allReduce);
    },
    program: async (group) => {
      const buffer = new Float32Array(Math.max(...lengths));
      for (const [round, length] of lengths.entries()) {
        const data = buffer.fill(-1).subarray(0, length);
        // One bit a rank, times a number of its own for each place; sums fit into fp16's 11 bits.
        for (let i = 0; i < length; i++) data[i] = 2 ** group.rank * (22 * round + i + 1);
        await group.allReduce(data, "sum", wire);
        const expected = data.map((_, i) => (2 ** worldSize - 1) * (22 * round + i + 1));
        if (!data.every((value, i) => value === expected[i])) throw new Error(`${data} is not ${expected}`);
      }
    },
  };
}

/** Ranks 0 and up, so many on each host in turn. */
function hostsOf(...sizes: number[]): RanksByHost {
  let rank = 0;
  return sizes.map((size) => Array.from({ length: size }, () => rank++));
}

for (const [worldSize, wire] of [
  [2, "fp32"],
  [3, "fp32"],
  [4, "fp32"],
  [3, "fp16"],
] as const) {
  test(`${worldSize} ranks, ${wire}: short and long arrays in turn, in several pieces, deadlock, reuse and mix up nothing`, async () => {
    const long = 5 * worldSize + 1;
    const lengths = [1, 2, long, 2, 1, 2, long, long - worldSize, 0, 1];
    const { states } = await explore(modelOf({ hosts: hostsOf(worldSize), lengths, wire }, real));
    assert.ok(states > 2 ** worldSize, `${states} states`);
  });
}

for (const { hosts, lengths, wire } of [
  { hosts: hostsOf(2, 1), lengths: [2, 13, 1, 4, 2] },
  { hosts: hostsOf(2, 1), lengths: [2, 13, 1], wire: "fp16" },
  { hosts: [[0, 2], [1]], lengths: [2, 13, 1] },
  { hosts: hostsOf(1, 1, 1), lengths: [13, 2, 7] },
  { hosts: hostsOf(2, 2), lengths: [2, 9, 2] },
  { hosts: hostsOf(3, 1), lengths: [9, 2, 2] },
] as const) {
  const said = hosts.map((ranks) => ranks.join("+")).join(" and ");
  test(`hosts ${said}, ${wire ?? "fp32"}: the same, with messages between them`, async (t) => {
    const { states, executions } = await explore(
      modelOf({ hosts, lengths, ...(wire ? { wire } : {}) }, real),
    );
    t.diagnostic(`${states} states, ${executions} executions`);
    assert.ok(executions > hosts.flat().length, `${executions} executions`);
  });
}

test("a planted bug is found: one page instead of two", async () => {
  for (const hosts of [hostsOf(2), hostsOf(3), hostsOf(4), hostsOf(2, 1)]) {
    await assert.rejects(
      explore(modelOf({ hosts, lengths: [2, 2, 11], pages: 1 }, real)),
      /rank \d writes turn \d where rank \d may read turn \d/,
    );
  }
});

const planted: readonly (Mutation & { bug: string; hosts: RanksByHost; found: RegExp })[] = [
  {
    bug: "a carrier that sends the memory it adds the next piece in",
    file: "algorithms/shared.ts",
    from: "else if (to !== null) packed = format.allocate(own.length);",
    to: "else if (to !== null) packed = format.pack(this.#sum.subarray(0, own.length));",
    // Where one rank begins two chunks.
    hosts: [[0, 2], [1]],
    found: /changed a buffer in flight|is not/,
  },
  {
    bug: "a carrier that forgets its own part",
    file: "algorithms/shared.ts",
    from: "} else format.add(sum, format.pack(own, this.#scratch[0]), factor);",
    to: "}",
    hosts: hostsOf(2, 2),
    found: /is not/,
  },
  {
    bug: "a finished sum that goes to one host too few",
    file: "algorithms/routes.ts",
    from: "for (let step = 1; step < hosts.length; step++) {",
    to: "for (let step = 2; step < hosts.length; step++) {",
    hosts: hostsOf(2, 1),
    found: /is not|deadlock/,
  },
  {
    bug: "a rank that does its last stops first",
    file: "algorithms/routes.ts",
    from: "  return tasks;",
    to: "  return tasks.reverse();",
    hosts: hostsOf(1, 1, 1),
    found: /deadlock|got message/,
  },
  {
    bug: "blocks of short arrays sent from one buffer",
    file: "algorithms/payloads.ts",
    from: "this.#turn = 1 - this.#turn;",
    to: "",
    hosts: hostsOf(1, 1, 1),
    found: /changed a buffer in flight/,
  },
  {
    bug: "what came from other hosts is not waited for",
    file: "algorithms/shared.ts",
    from: "    await this.#pages.publishAndWait(collective);\n    if (!isFirst)",
    to: "    if (!isFirst)",
    hosts: hostsOf(2, 1),
    found: /is not|writes turn|deadlock/,
  },
];

for (const { bug, hosts, found, ...mutation } of planted) {
  test(`a planted bug is found: ${bug}`, () =>
    withMutant(mutation, async (mutant) => {
      await assert.rejects(explore(modelOf({ hosts, lengths: [2, 2, 2, 13, 11] }, mutant)), (error) => {
        assert.ok(error instanceof Violation, String(error));
        assert.match(error.message, found);
        return true;
      });
    }));
}
