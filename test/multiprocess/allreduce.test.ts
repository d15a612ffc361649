// The ring between real processes: right sums, a clean end however abruptly ranks exit after it, and a killed rank
// that the others report within their deadline.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import type { SerializedError } from "../../src/core/errors.js";
import { withRanks } from "../support/ring-processes.js";
import type { RingReport } from "../support/ring-task.js";

const TIMEOUT = { timeout: 60_000 };

for (const length of [1290, 101770]) {
  test(
    `${length} values: right sums, and ranks that exit right after the last collective lose nothing`,
    TIMEOUT,
    () =>
      withRanks({ mode: "finish", rounds: 100, length, timeoutSeconds: 10 }, async (ranks) => {
        const failures: RingReport[] = [];
        for (const rank of ranks) rank.on("message", (report: RingReport) => failures.push(report));
        const exits = await Promise.all(ranks.map((rank) => once(rank, "exit")));
        assert.deepEqual(failures, []);
        assert.deepEqual(exits, [
          [0, null],
          [0, null],
          [0, null],
        ]);
      }),
  );
}

test("a rank that is killed is reported by the others within their deadline", TIMEOUT, () =>
  withRanks({ mode: "forever", rounds: 20, length: 20000, timeoutSeconds: 1 }, async (ranks) => {
    await Promise.all(ranks.map((rank) => once(rank, "message")));
    const killed = performance.now();
    ranks[1].kill("SIGKILL");
    const errors = await Promise.all([failureOf(ranks[0]), failureOf(ranks[2])]);
    const seconds = (performance.now() - killed) / 1000;
    assert.ok(seconds < 10, `took ${seconds} s`);
    for (const { name } of errors) assert.equal(name, "PeerError");
    // Over shared memory both wait for rank 1, and the first to say so tells the other.
    assert.match(
      errors[1].message,
      /^rank \d waited 1 s for rank \d in allReduce sum of 20000 values \(operation \d+\)$/,
    );
    const messages = errors.map(({ message }) => message).join("\n");
    assert.match(messages, /rank \d waited 1 s for rank 1 in/);
  }),
);

/** The report of the failure that ends a rank's task. */
function failureOf(rank: ChildProcess): Promise<SerializedError> {
  return new Promise((resolve, reject) => {
    rank.on("message", (report: RingReport) => {
      if (report.type === "failed") resolve(report.error);
    });
    rank.once("exit", (code, signal) => reject(new Error(`a rank exited with ${code ?? signal}`)));
  });
}
