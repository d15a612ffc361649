// The ring under a model checker: the real code, through every order in which messages can arrive, with two to four
// ranks, several pieces per chunk and several operations; then the same with bugs planted, all of which it must find.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as ring from "../../../src/allreduce/algorithms/ring.js";
import * as shared from "../../../src/allreduce/algorithms/shared.js";
import * as groups from "../../../src/allreduce/group.js";
import type { ProcessGroup } from "../../../src/core/process-group.js";
import { explore, type Model, type Program, Violation } from "../../support/model.js";
import { type Implementation, type Mutation, withMutant } from "../../support/ring-mutants.js";

const real: Implementation = { ...ring, ...shared, ...groups };

interface Scenario {
  readonly name: string;
  readonly worldSize: number;
  readonly program: Program;
  /** Values; 0 and up circulate whole. */
  readonly wholeValues: number;
  readonly pieceValues: number;
}

/** Longer than `wholeValues`, so that it goes in chunks: `pieces` of one value for each chunk, the last rank's too. */
function chunks(worldSize: number, pieces: number, times: number): Scenario {
  return {
    name: `${times} all-reduces in chunks of ${pieces} pieces`,
    worldSize,
    program: (group) => reduce(group, worldSize * pieces, times),
    wholeValues: 0,
    pieceValues: 1,
  };
}

function whole(worldSize: number, times: number): Scenario {
  return {
    name: `${times} all-reduces of whole arrays`,
    worldSize,
    program: (group) => reduce(group, 3, times),
    wholeValues: 8,
    pieceValues: 1,
  };
}

function mixed(worldSize: number): Scenario {
  return {
    name: "every operation after every other kind",
    worldSize,
    program: async (group) => {
      await reduce(group, 2, 1);
      await broadcast(group, 1);
      await reduce(group, worldSize * 2, 1);
      await gather(group);
      await broadcast(group, 0);
      await group.barrier();
      await reduce(group, 0, 1);
      await reduce(group, worldSize * 2 + 1, 1);
      await group.close();
    },
    wholeValues: 2,
    pieceValues: 2,
  };
}

const scenarios = [
  chunks(2, 3, 4),
  chunks(3, 2, 3),
  chunks(4, 1, 2),
  chunks(4, 2, 1),
  whole(2, 6),
  whole(3, 4),
  whole(4, 3),
  mixed(2),
  mixed(3),
];

for (const scenario of scenarios) {
  test(`${scenario.worldSize} ranks, ${scenario.name}: no order deadlocks, sums wrongly or reuses memory`, async (t) => {
    const { states, executions } = await explore(modelOf(scenario, real));
    t.diagnostic(`${states} states, ${executions} executions`);
    // Ranks do run ahead of each other in the model.
    assert.ok(executions > scenario.worldSize, `${executions} executions`);
  });
}

interface Planted extends Mutation {
  readonly bug: string;
  readonly scenarios: readonly Scenario[];
  readonly found: RegExp;
}

const planted: readonly Planted[] = [
  {
    bug: "one buffer to send short arrays from",
    file: "algorithms/payloads.ts",
    from: "this.#turn = 1 - this.#turn;",
    to: "",
    scenarios: [whole(3, 3)],
    found: /changed a buffer in flight/,
  },
  {
    bug: "short arrays sent from the caller's memory",
    file: "algorithms/ring.ts",
    from: "this.#buffers.take(packed.byteLength);",
    to: "packed;",
    scenarios: [whole(2, 2), whole(3, 2)],
    found: /changed a buffer in flight|is \d+, not \d+/,
  },
  {
    bug: "finished chunks sent from the caller's memory",
    file: "algorithms/ring.ts",
    from: "if (step < lastGather) await collective.send(next, bytesOf(values));\n      if (step >= lastReduce) format.unpack(values, data.subarray(start, end));",
    to: "if (step >= lastReduce) format.unpack(values, data.subarray(start, end));\n      if (step < lastGather) await collective.send(next, step < lastReduce ? bytesOf(values) : bytesOf(data.subarray(start, end)));",
    scenarios: [chunks(2, 2, 2), chunks(3, 1, 2)],
    found: /changed a buffer in flight/,
  },
  {
    bug: "a message written to after it was sent on",
    file: "algorithms/ring.ts",
    from: "      if (step <= lastReduce) format.addTo(values, data, start, step === lastReduce ? scale : 1);\n      if (step < lastGather) await collective.send(next, bytesOf(values));",
    to: "      if (step < lastGather) await collective.send(next, bytesOf(values));\n      if (step <= lastReduce) format.addTo(values, data, start, step === lastReduce ? scale : 1);",
    scenarios: [chunks(2, 1, 1)],
    found: /changed a buffer in flight/,
  },
  {
    bug: "pieces of the first chunk sent in another order",
    file: "algorithms/ring.ts",
    from: "pieceRange(first, pieceValues, piece);",
    to: "pieceRange(first, pieceValues, pieceCount(first, pieceValues) - 1 - piece);",
    scenarios: [chunks(2, 2, 1), chunks(3, 2, 1)],
    found: /changed a buffer in flight|is \d+, not \d+/,
  },
  {
    bug: "a rank that adds one step too many",
    file: "algorithms/ring.ts",
    from: "if (step <= lastReduce) format.addTo",
    to: "if (step <= lastReduce + 1) format.addTo",
    scenarios: [chunks(2, 1, 1), chunks(3, 1, 1)],
    found: /is \d+, not \d+/,
  },
  {
    bug: "everyone listens before speaking",
    file: "algorithms/gather.ts",
    from: "await collective.send(next, payloads[owner]);\n    owner = previousRank(owner, count);\n    payloads[owner] = await collective.receive(previous);",
    to: "const sent = payloads[owner];\n    owner = previousRank(owner, count);\n    payloads[owner] = await collective.receive(previous);\n    await collective.send(next, sent);",
    scenarios: [whole(2, 1), mixed(3)],
    found: /deadlock of ranks 0,1/,
  },
  {
    bug: "a broadcast that goes all the way round",
    file: "algorithms/gather.ts",
    from: "const isLast = rank === previousRank(root, worldSize);",
    to: "const isLast = false;",
    scenarios: [mixed(2), mixed(3)],
    found: /is in broadcast from rank|got message|never received/,
  },
];

for (const { bug, scenarios, found, ...mutation } of planted) {
  test(`a planted bug is found: ${bug}`, () =>
    withMutant(mutation, async (mutant) => {
      for (const scenario of scenarios) {
        await assert.rejects(explore(modelOf(scenario, mutant)), (error) => {
          assert.ok(error instanceof Violation, String(error));
          assert.match(error.message, found);
          return true;
        });
      }
    }));
}

function modelOf(
  { worldSize, program, wholeValues, pieceValues }: Scenario,
  { DdpProcessGroup, RingAllReduce }: Implementation,
): Model {
  return {
    worldSize,
    program,
    join: async (link) => {
      const sizes = { wholeBytes: wholeValues * Float32Array.BYTES_PER_ELEMENT, pieceValues };
      const group = DdpProcessGroup.ofAll(link, { timeoutSeconds: 1 }, new RingAllReduce(sizes));
      await group.connect();
      return group;
    },
  };
}

/** Sums one and the same buffer a number of times, refilled each time at once, as a training loop does. */
async function reduce(group: ProcessGroup, length: number, times: number): Promise<void> {
  const data = new Float32Array(length);
  const ranks = 2 ** group.worldSize - 1;
  for (let round = 0; round < times; round++) {
    // One bit a rank, times a number of its own for each place: nothing can be missing, doubled or misplaced unseen.
    for (let i = 0; i < length; i++) data[i] = 2 ** group.rank * (100 * round + i + 1);
    await group.allReduce(data, "sum");
    for (let i = 0; i < length; i++) equal(data[i], ranks * (100 * round + i + 1), `value ${i}`);
  }
  data.fill(-1);
}

async function broadcast(group: ProcessGroup, root: number): Promise<void> {
  const bytes = Uint8Array.of(group.rank, 7);
  const received = await group.broadcast(bytes, root);
  bytes.fill(255);
  equal(received[0], root, "the broadcast root");
}

async function gather(group: ProcessGroup): Promise<void> {
  const bytes = new Uint8Array(group.rank + 1).fill(group.rank);
  const parts = await group.allGather(bytes);
  bytes.fill(255);
  for (const [rank, part] of parts.entries()) {
    equal(part.join(), new Uint8Array(rank + 1).fill(rank).join(), `part ${rank}`);
  }
}

function equal(actual: number | string, expected: number | string, what: string): void {
  if (actual !== expected) throw new Error(`${what} is ${actual}, not ${expected}`);
}
