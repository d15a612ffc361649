// Which failure the others follow from, and which rank hangs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findSilent, rootCause } from "../../../src/launcher/processes/failure.js";
import { failureLine } from "../../../src/launcher/terminal/report.js";
import { ended, failure, named, where } from "../../fixtures/failures.js";

test("the earliest failure is the root cause", () => {
  const first = failure({ rank: 2, at: 10, end: ended(null, "SIGSEGV") });
  const second = failure({ rank: 0, at: 20, error: named("Error", "later") });
  assert.equal(rootCause([second, first]), first);
});

test("a lost peer explains nothing that happened in the same moment", () => {
  const peer = failure({ rank: 0, at: 10, error: named("PeerError", "rank 1 is gone") });
  const own = failure({ rank: 1, at: 15, end: ended(null, "SIGKILL") });
  assert.equal(rootCause([peer, own]), own);
  assert.equal(rootCause([peer, { ...own, at: 5000 }]), peer);
  assert.equal(rootCause([peer]), peer);
});

test("of ranks that all wait for one another in a ring, the silent one is at fault", () => {
  const waited = (rank: number, silentRank: number, at: number) =>
    failure({ rank, at, error: { ...named("PeerError", `${rank} waited for ${silentRank}`), silentRank } });
  // Rank 2 of 4 hangs. The deadlines of the others pass together; here that of its own neighbour is the last.
  const [one, zero, three] = [waited(1, 0, 10), waited(0, 3, 11), waited(3, 2, 12)];
  assert.deepEqual(findSilent([one, zero, three]), { rank: 2, by: three });
  // The neighbour was told of the failure in the words of rank 3 before its own deadline passed.
  const heard = failure({ rank: 0, at: 11, error: named("PeerError", "3 waited for 2") });
  assert.deepEqual(findSilent([heard, three]), { rank: 2, by: three });
  assert.equal(findSilent([waited(0, 1, 10), waited(1, 0, 11)]), null);
  assert.equal(findSilent([waited(0, 1, 10), failure({ rank: 1, at: 9, end: ended(1, null) })]), null);

  const silent = failure({ rank: 2, at: 12, silence: "3 waited for 2" });
  assert.equal(rootCause([one, zero, three, silent]), silent);
  assert.equal(
    failureLine(silent),
    `rank 2 (pid 123) did not answer ${where}: 3 waited for 2; where that is no fault, a larger --timeout waits longer`,
  );
});
